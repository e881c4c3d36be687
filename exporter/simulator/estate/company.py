"""The made-up company: its groups, projects and everything they merged and deployed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

from exporter.simulator.estate.changes import BOTS, Change, ChangePlan
from exporter.simulator.estate.linking import Linker, gets_links
from exporter.simulator.estate.temperaments import TEMPERAMENTS, Temperament
from exporter.simulator.estate.timeline import Release, Timeline
from exporter.simulator.estate.window import Window
from exporter.simulator.tiers import guess_tier
from exporter.simulator.world import Environment, MergeRequest, Project, World

_EMPTY_GROUPS: Final = ("people", "platform/edge/hardware")


@dataclass(slots=True)
class _PlannedEnvironment:
    name: str
    tier: str
    state: str
    deployable: bool
    releases: list[Release]
    links: list[list[Change]]


@dataclass(slots=True)
class _Step:
    """One deployment on its way into the world."""

    environment: Environment
    release: Release
    deployable: bool
    merge_requests: list[MergeRequest]


def generate(
    world: World,
    *,
    seed: int,
    projects: int = 12,
    days: int = 120,
    end: datetime | None = None,
    root: str = "acme",
) -> None:
    """Fill a world with a believable company; the same arguments give the same company.

    The first twelve projects differ in temperament, from several deployments a day to none at
    all; further ones vary these. Old projects reach back before the window, with half its length
    of daily work and single merge requests of the two years before that.

    Args:
        world: What to add to.
        seed: Decides everything that looks like chance.
        projects: How many projects.
        days: Length of the window that ends at `end`.
        end: Nothing happens after it; the world's present when None.
        root: Full path of the group all others lie in.

    Raises:
        ValueError: When `days` is not positive or a project's path is taken.
    """
    if days <= 0:
        raise ValueError(f"days must be positive, not {days}")
    until = end or world.clock()
    window = Window(until - timedelta(days=days), until)
    with world.lock:
        for group in ("", *(f"/{path}" for path in _EMPTY_GROUPS)):
            world.add_group(root + group)
        steps: list[_Step] = []
        for number, temperament in enumerate(_teams(Random(f"{seed} teams"), projects)):
            rng = Random(f"{seed} {number}")
            steps += _add_project(world, rng, temperament, window, root)
        # Ids grow with time over the whole instance, as they do in GitLab.
        for step in sorted(steps, key=lambda step: step.release.created_at):
            world.add_deployment(
                step.environment,
                status=step.release.status,
                created_at=step.release.created_at,
                finished_at=step.release.finished_at,
                ref=step.release.ref,
                sha=step.release.sha,
                deployable=step.deployable,
                merge_requests=step.merge_requests,
            )


def _teams(rng: Random, count: int) -> Iterator[Temperament]:
    for number in range(count):
        round_, place = divmod(number, len(TEMPERAMENTS))
        if round_ == 0:
            yield TEMPERAMENTS[place]
            continue
        model = rng.choice(TEMPERAMENTS)
        yield replace(
            model, name=f"{model.name}-{number}", merges=model.merges * rng.uniform(0.4, 1.4)
        )


def _add_project(
    world: World, rng: Random, temperament: Temperament, window: Window, root: str
) -> list[_Step]:
    plan = ChangePlan(rng, temperament, window)
    plan.fill()
    environments = [
        *_plan_environments(rng, temperament, window, plan),
        *_plan_review_apps(rng, temperament, window, plan.changes),
    ]
    plan.changes.sort(key=lambda change: change.created_at)
    began = min(change.created_at for change in plan.changes)
    project = world.add_project(
        f"{root}/{temperament.group}/{temperament.name}",
        archived=temperament.archived,
        created_at=began - timedelta(hours=rng.uniform(1, 200)),
    )
    merge_requests = _add_merge_requests(world, project, plan.changes)
    linker = Linker(plan.changes)
    for planned in environments:
        if gets_links(planned.name, planned.tier):
            planned.links = linker.link(planned.releases)
    environments.sort(key=lambda planned: planned.releases[0].created_at)
    return [
        step
        for planned in environments
        for step in _add_environment(world, project, planned, merge_requests)
    ]


def _plan_environments(
    rng: Random, temperament: Temperament, window: Window, plan: ChangePlan
) -> Iterator[_PlannedEnvironment]:
    for habit in temperament.environments:
        releases = Timeline(rng, temperament, habit, window, plan).fill()
        if releases:
            tier = habit.tier or guess_tier(habit.name)
            state = "available" if habit.last is None else "stopped"
            yield _PlannedEnvironment(
                habit.name, tier, state, habit.deployable, releases, [[] for _ in releases]
            )


def _plan_review_apps(
    rng: Random, temperament: Temperament, window: Window, changes: list[Change]
) -> Iterator[_PlannedEnvironment]:
    for change in changes:
        if change.created_at < window.start or change.author in BOTS:
            continue
        if rng.random() >= temperament.review_apps:
            continue
        releases: list[Release] = []
        created_at = change.created_at
        for _ in range(rng.randint(1, 3)):
            created_at += timedelta(minutes=rng.uniform(2, 90))
            finished_at = created_at + timedelta(minutes=rng.uniform(1, 9))
            if finished_at > min(window.end, change.merged_at or window.end):
                break
            sha = f"{rng.getrandbits(160):040x}"
            status = rng.choices(("success", "failed"), (9, 1))[0]
            releases.append(Release(status, created_at, finished_at, change.source_branch, sha, {}))
            created_at = finished_at
        if releases:
            name = f"review/{change.source_branch}"
            state = "available" if change.state == "opened" else "stopped"
            yield _PlannedEnvironment(
                name, guess_tier(name), state, True, releases, [[] for _ in releases]
            )


def _add_merge_requests(
    world: World, project: Project, changes: list[Change]
) -> dict[Change, MergeRequest]:
    return {
        change: world.add_merge_request(
            project,
            iid=iid,
            created_at=change.created_at,
            merged_at=change.merged_at,
            target_branch=change.target_branch,
            source_branch=change.source_branch,
            author=change.author,
            title=change.title,
            state=change.state,
        )
        for iid, change in enumerate(changes, start=1)
    }


def _add_environment(
    world: World,
    project: Project,
    planned: _PlannedEnvironment,
    merge_requests: dict[Change, MergeRequest],
) -> Iterator[_Step]:
    environment = world.add_environment(
        project,
        planned.name,
        tier=planned.tier,
        state=planned.state,
        created_at=planned.releases[0].created_at,
    )
    for release, links in zip(planned.releases, planned.links, strict=True):
        linked = [merge_requests[change] for change in links]
        yield _Step(environment, release, planned.deployable, linked)
