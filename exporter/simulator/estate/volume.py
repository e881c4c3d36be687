"""Large estates, fast, for measuring."""

from datetime import datetime, timedelta
from random import Random
from typing import Final

from exporter.simulator.estate.changes import MAIN, PEOPLE
from exporter.simulator.world import Project, World

_PROJECTS_PER_GROUP: Final = 25


def bulk(
    world: World,
    *,
    seed: int,
    projects: int,
    deployments_per_project: int,
    days: int,
    end: datetime,
    merge_requests_per_deployment: float = 1.5,
) -> None:
    """Add many alike projects `bulk/team-N/service-N`, each with one production environment.

    Every deployment succeeded; they are spread evenly over the window, and every merge request
    is linked to one.

    Args:
        world: What to add to.
        seed: Decides everything that looks like chance.
        projects: How many projects.
        deployments_per_project: How many deployments in each.
        days: Length of the window that ends at `end`.
        end: Latest possible time.
        merge_requests_per_deployment: Average number of links; the total is exact but for
            rounding down per project.

    Raises:
        ValueError: When the projects exist already.
    """
    rng = Random(seed)
    start = end - timedelta(days=days)
    with world.lock:
        for number in range(projects):
            team = number // _PROJECTS_PER_GROUP
            project = world.add_project(
                f"bulk/team-{team}/service-{number}", created_at=start - timedelta(days=1)
            )
            shares = sorted(rng.random() for _ in range(deployments_per_project))
            moments = [start + (end - start) * share for share in shares]
            _fill(world, rng, project, moments, merge_requests_per_deployment)


def _fill(
    world: World,
    rng: Random,
    project: Project,
    moments: list[datetime],
    merge_requests_per_deployment: float,
) -> None:
    environment = world.add_environment(project, "production", created_at=project.created_at)
    iid = 0
    for count, finished_at in enumerate(moments, start=1):
        created_at = finished_at - timedelta(seconds=rng.uniform(30, 900))
        links = []
        while iid < int(count * merge_requests_per_deployment):
            iid += 1
            merged_at = created_at - timedelta(seconds=rng.expovariate(1 / 40_000))
            links.append(
                world.add_merge_request(
                    project,
                    iid=iid,
                    created_at=merged_at - timedelta(seconds=rng.expovariate(1 / 90_000)),
                    merged_at=merged_at,
                    target_branch=MAIN,
                    author=rng.choice(PEOPLE),
                    sha=f"{rng.getrandbits(160):040x}",
                )
            )
        world.add_deployment(
            environment,
            created_at=created_at,
            finished_at=finished_at,
            ref=MAIN,
            sha=f"{rng.getrandbits(160):040x}",
            merge_requests=links,
        )
