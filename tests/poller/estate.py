"""Short ways to fill a simulated GitLab."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from exporter.simulator import World
from exporter.simulator.world import Deployment, Environment

HOUR = 3600.0


def add_app(
    world: World, path: str = "acme/app", environment: str = "production", **options: Any
) -> Environment:
    """Create a project and its environment, with a first deployment 60 days ago.

    The first deployment brings no merge request, and later ones are not their environment's first.
    """
    founded = world.clock() - timedelta(days=60)
    project = world.find_project(path) or world.add_project(path, created_at=founded)
    created = world.add_environment(project, environment, created_at=founded, **options)
    world.add_deployment(created, created_at=founded, finished_at=founded)
    return created


def deploy(
    world: World, environment: Environment, *leads: float, ago: float = 0, **options: Any
) -> Deployment:
    """Finish a deployment ``ago`` seconds ago that brings a merge request for each lead time.

    It finishes at a whole second, which all of GitLab's APIs tell exactly.

    Args:
        world: where.
        environment: of the deployment.
        leads: how many seconds before the deployment each merge request was merged.
        ago: seconds.
        options: of ``World.add_deployment``.
    """
    finished_at = options.pop(
        "finished_at", (world.clock() - timedelta(seconds=ago)).replace(microsecond=0)
    )
    return world.add_deployment(
        environment,
        **{
            "created_at": finished_at - timedelta(minutes=3),
            "finished_at": finished_at,
            "merge_requests": merge(world, environment, finished_at, leads),
            **options,
        },
    )


def merge(world: World, environment: Environment, before: Any, leads: Sequence[float]) -> Any:
    """Create merge requests that were merged so many seconds before a moment."""
    return [
        world.add_merge_request(environment.project, merged_at=before - timedelta(seconds=lead))
        for lead in leads
    ]
