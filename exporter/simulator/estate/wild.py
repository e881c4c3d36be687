"""Small estates full of edge cases, for tests that must hold for every estate."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from exporter.simulator.estate.changes import BOTS
from exporter.simulator.estate.linking import gets_links
from exporter.simulator.records import FINISHED_STATUSES, STATUSES
from exporter.simulator.tiers import TIERS
from exporter.simulator.world import Environment, MergeRequest, Project, World

_MICROSECOND: Final = timedelta(microseconds=1)
_NAMES: Final = (
    *("production", "production/eu", "production/us", "prod", "PROD", "live-eu", "preprod"),
    *("staging", "staging/blue", "stg", "test", "qa/1", "int", "print-live", "dev", "trunk"),
    *("review/12-add-a-cart", "main", "blue", "café ☕", "production eu", "a+b&c=d%20", "42"),
)
_TARGETS: Final = ("main", "main", "main", "develop", "release/1.0", "stable-2.x", "weird branch#1")
_AUTHORS: Final = ("amara", "jonas", "priya", *BOTS)
_OFTEN_SUCCESS: Final = (*STATUSES, *("success",) * 12)
_DEPLOYMENTS: Final = (0, 0, 1, 1, 2, 3, 5, 8, 13, 30)
_LINKS: Final = (0, 0, 1, 1, 2, 3, 6)
_LEAD_TIMES: Final = (
    timedelta(0),
    _MICROSECOND,
    -_MICROSECOND,
    timedelta(seconds=1),
    timedelta(seconds=-1),
    timedelta(hours=-30),
    timedelta(minutes=7, microseconds=500_001),
    timedelta(days=1),
    timedelta(days=9),
    timedelta(days=1500),
)


def random_history(world: World, *, rng: Random, end: datetime, days: int) -> None:
    """Add a small wild estate: odd names, ties, borders of days and months, absurd lead times.

    One to three groups nested in each other, `wild/...`, one to five projects, none to five
    environments each, none to thirty deployments each in every status, none to six links each.
    Within an environment ids follow `finished_at`; merge requests link once per environment,
    and not at all in folders of the lower tiers.

    Args:
        world: What to add to.
        rng: The only source of chance.
        end: Nothing happens after it.
        days: Deployments finish in the so many days before `end`, and now and then on the very
            borders.

    Raises:
        ValueError: When the world holds such an estate already.
    """
    start = end - timedelta(days=days)
    borders = _borders(start, end)
    with world.lock:
        paths = ["wild", "wild/inner", "wild/inner/most"][: rng.randint(1, 3)]
        for path in paths:
            world.add_group(path)
        for number in range(rng.randint(1, 5)):
            project = world.add_project(
                f"{rng.choice(paths)}/project-{number}",
                archived=rng.random() < 0.1,
                created_at=start - timedelta(days=rng.randint(0, 900)),
            )
            _fill(world, rng, project, _Times(rng, start, end, borders))


class _Times:
    """Draws moments of a window, often the same and often on a border."""

    def __init__(
        self, rng: Random, start: datetime, end: datetime, borders: Sequence[datetime]
    ) -> None:
        self.end = end
        self._rng = rng
        self._start = start
        self._borders = borders
        self._seen = [end]

    def draw(self) -> datetime:
        rng = self._rng
        kind = rng.random()
        if kind < 0.15:
            return rng.choice(self._seen)
        if kind < 0.45:
            moment = rng.choice(self._borders)
        else:
            moment = self._start + (self.end - self._start) * rng.random()
        self._seen.append(moment)
        return moment


def _fill(world: World, rng: Random, project: Project, times: _Times) -> None:
    environments = [
        world.add_environment(
            project,
            name,
            tier=rng.choice((None, None, *TIERS)),
            state=rng.choice(("available", "available", "stopped")),
            created_at=project.created_at,
        )
        for name in rng.sample(_NAMES, rng.randint(0, 5))
    ]
    events = [
        (times.draw(), environment)
        for environment in environments
        for _ in range(rng.choice(_DEPLOYMENTS))
    ]
    events.sort(key=lambda event: event[0])
    pool: list[MergeRequest] = []
    for _ in range(rng.randint(0, 3)):
        state = rng.choice(("opened", "closed"))
        _add_merge_request(world, rng, project, created_at=times.draw(), state=state)
    latest = datetime.min.replace(tzinfo=UTC)
    for at, environment in events:
        latest = max(at - rng.choice(_LEAD_TIMES[:1] + _LEAD_TIMES[6:9]), latest)
        _deploy(world, rng, environment, pool, created_at=latest, at=at, end=times.end)


def _deploy(
    world: World,
    rng: Random,
    environment: Environment,
    pool: list[MergeRequest],
    *,
    created_at: datetime,
    at: datetime,
    end: datetime,
) -> None:
    status = rng.choice(_OFTEN_SUCCESS)
    links: list[MergeRequest] = []
    if status == "success" and gets_links(environment.name, environment.tier):
        for _ in range(rng.choice(_LINKS)):
            known = rng.choice(pool) if pool and rng.random() < 0.4 else None
            if known is None:
                merged_at = min(at - rng.choice(_LEAD_TIMES), end)
                known = _add_merge_request(
                    world,
                    rng,
                    environment.project,
                    created_at=merged_at - abs(rng.choice(_LEAD_TIMES)),
                    merged_at=merged_at,
                )
                pool.append(known)
            if known.id not in environment.linked and known not in links:
                links.append(known)
    world.add_deployment(
        environment,
        status=status,
        created_at=created_at,
        finished_at=at if status in FINISHED_STATUSES else None,
        ref=rng.choice(_TARGETS),
        deployable=rng.random() < 0.8,
        merge_requests=links,
    )


def _add_merge_request(
    world: World,
    rng: Random,
    project: Project,
    *,
    created_at: datetime,
    merged_at: datetime | None = None,
    state: str = "merged",
) -> MergeRequest:
    return world.add_merge_request(
        project,
        created_at=created_at,
        merged_at=merged_at,
        state=state,
        target_branch=rng.choice(_TARGETS),
        author=rng.choice(_AUTHORS),
    )


def _borders(start: datetime, end: datetime) -> list[datetime]:
    """Collect moments of the window at which a careless comparison goes wrong."""
    exact = {start, end, *(end - timedelta(days=days) for days in (1, 7, 14, 30, 60, 90, 180))}
    midnight = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while midnight <= end:
        exact.add(midnight)
        if midnight.day == 1 or midnight.weekday() == 6:
            # Local midnight in Berlin and in New York, in winter and in summer.
            exact.update(midnight + timedelta(hours=hour) for hour in (-2, -1, 4, 5))
        exact.update(_dst_changes(midnight))
        midnight += timedelta(days=1)
    around = {moment + step for moment in exact for step in (-_MICROSECOND, timedelta(0))}
    around.update(moment + _MICROSECOND for moment in exact)
    return sorted(moment for moment in around if start <= moment <= end)


def _dst_changes(midnight: datetime) -> list[datetime]:
    """Give the instants of a UTC day at which Berlin or New York changes its clocks."""
    if midnight.weekday() != 6:
        return []
    day, month = midnight.day, midnight.month
    if month in (3, 10) and day > 24:
        return [midnight + timedelta(hours=1)]
    if month == 3 and 8 <= day <= 14:
        return [midnight + timedelta(hours=7)]
    if month == 11 and day <= 7:
        return [midnight + timedelta(hours=6)]
    return []
