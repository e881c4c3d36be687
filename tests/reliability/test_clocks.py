"""Clocks that are wrong or set: the exporter's, GitLab's, and what finishes in the future."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter.instant import Instant, from_datetime
from exporter.simulator import Fault, SimulatedGitLab, World
from exporter.simulator.world import Environment
from tests.clock import FakeClock
from tests.poller.driven_exporter import DrivenExporter, settings_for
from tests.poller.estate import HOUR, add_app, deploy

GRAPHQL = "/api/graphql"
APP = "acme/app"


class SetClock(FakeClock):
    """A clock whose wall can be set; monotonic seconds go on as they do."""

    def __init__(self) -> None:
        super().__init__()
        self.off = timedelta()

    def now(self) -> Instant:
        return from_datetime(self() + self.off)

    def true(self) -> datetime:
        """Tell the time that is right."""
        return self()


class Wall:
    """GitLab's clock, which goes with another one, and may be off."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.off = timedelta()

    def __call__(self) -> datetime:
        return self._clock() + self.off


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def wall(clock: SetClock) -> Wall:
    return Wall(clock)


@pytest.fixture
def world(wall: Wall) -> World:
    return World(wall)


@pytest.fixture
def production(world: World) -> Environment:
    return add_app(world, APP)


@pytest.fixture(params=["GraphQL", pytest.param("REST", marks=pytest.mark.long)])
def exporter(
    request: pytest.FixtureRequest,
    world: World,
    production: Environment,  # which is there from the beginning
    clock: SetClock,
    tmp_path: Path,
) -> Iterator[DrivenExporter]:
    """An exporter that has polled twice, after two deployments."""
    world.features.graphql = request.param == "GraphQL"
    deploy(world, production, 2 * HOUR, ago=5 * HOUR)
    deploy(world, production, 4 * HOUR, ago=600)
    with SimulatedGitLab(world) as gitlab:
        changes: dict[str, Any] = {"poll": {"retention": "400d"}}
        path = tmp_path / "dora.db"
        driven = DrivenExporter(settings_for(gitlab.url, path, changes), clock, path)
        for _ in range(2):
            assert driven.poll()
            clock.advance(minutes=5)
        assert shown(driven) == (2, 3)
        yield driven
        driven.close()


def shown(exporter: DrivenExporter) -> tuple[float | None, float | None]:
    """Return the deployments of a day, and all that were ever seen."""
    return exporter.recent(APP, "1d"), exporter.total(APP)


def polls(exporter: DrivenExporter, clock: SetClock, hours: float) -> None:
    """Poll every five minutes for some hours."""
    for _ in range(int(hours * 12)):
        assert exporter.poll()
        clock.advance(minutes=5)


@pytest.mark.parametrize(
    "off",
    [
        timedelta(hours=-2),
        pytest.param(timedelta(days=-3), marks=pytest.mark.long),
        timedelta(days=-20_000),
        pytest.param(timedelta(hours=2), marks=pytest.mark.long),
    ],
)
def test_the_exporters_clock_is_set_and_set_right_again(
    exporter: DrivenExporter,
    production: Environment,
    world: World,
    clock: SetClock,
    off: timedelta,
) -> None:
    clock.off = off
    polls(exporter, clock, 0.25)
    deploy(world, production, HOUR)
    polls(exporter, clock, 0.5)
    # What is known is counted, though by a clock that was set back it did not finish yet.
    assert exporter.total(APP) == 4
    assert exporter.value("exporter_stale_projects") == 0
    clock.off = timedelta()
    polls(exporter, clock, 0.25)
    assert shown(exporter) == (3, 4)
    assert exporter.merge_requests(APP) == 3
    assert exporter.lead_time(APP) == pytest.approx(2 * HOUR, abs=0.1)
    polls(exporter, clock, 0.25)
    assert exporter.merge_requests(APP) == 3


def test_a_clock_that_was_years_ahead_costs_no_history(
    exporter: DrivenExporter, production: Environment, world: World, clock: SetClock
) -> None:
    before = exporter.numbers()
    clock.off = timedelta(days=800)
    assert exporter.poll()
    clock.off = timedelta()
    assert exporter.poll()
    assert {key: exporter.numbers().get(key) for key in before} == before
    deploy(world, production, HOUR)
    polls(exporter, clock, 0.5)
    assert shown(exporter) == (3, 4)
    assert exporter.merge_requests(APP) == 3


def test_merge_requests_are_not_read_too_early_when_the_exporters_clock_jumps_ahead(
    exporter: DrivenExporter, production: Environment, world: World, clock: SetClock
) -> None:
    deploy(world, production, HOUR, ago=20, links_visible_at=world.clock() + timedelta(minutes=3))
    assert exporter.poll()
    clock.off = timedelta(hours=1)
    clock.advance(minutes=1)
    assert exporter.poll()
    clock.off = timedelta()
    polls(exporter, clock, 0.5)
    assert exporter.merge_requests(APP) == 3


@pytest.mark.parametrize(
    "hours",
    [pytest.param(-30, marks=pytest.mark.long), -0.5, pytest.param(30, marks=pytest.mark.long)],
)
def test_gitlabs_clock_is_off_all_the_time(  # noqa: PLR0917 - fixtures
    exporter: DrivenExporter,
    production: Environment,
    world: World,
    clock: SetClock,
    wall: Wall,
    hours: float,
) -> None:
    wall.off = timedelta(hours=hours)
    polls(exporter, clock, 0.5)
    late = world.clock() + timedelta(minutes=3)
    deploy(world, production, HOUR, ago=20, links_visible_at=late)
    polls(exporter, clock, 0.5)
    assert exporter.total(APP) == 4
    # By the exporter's clock what finished later than now has not finished yet.
    assert exporter.recent(APP, "7d") == (3 if hours < 0 else 2)
    clock.advance(hours=max(hours, 0))
    polls(exporter, clock, 0.25)
    assert exporter.recent(APP, "7d") == 3
    assert exporter.merge_requests(APP) == 3


@pytest.mark.parametrize("hours", [pytest.param(0.5, marks=pytest.mark.long), 3])
def test_gitlabs_clock_is_set_back(  # noqa: PLR0917 - fixtures
    exporter: DrivenExporter,
    production: Environment,
    world: World,
    clock: SetClock,
    wall: Wall,
    hours: float,
) -> None:
    """What finishes now has earlier times than what is known."""
    wall.off = -timedelta(hours=hours)
    for _ in range(int(hours * 2)):
        late = world.clock() + timedelta(minutes=3)
        deploy(world, production, HOUR, ago=20, links_visible_at=late)
        polls(exporter, clock, 0.5)
    seen = int(hours * 2)
    assert exporter.total(APP) == 3 + seen
    assert exporter.recent(APP, "7d") == 2 + seen
    assert exporter.merge_requests(APP) == 2 + seen


@pytest.mark.long
def test_gitlabs_clock_was_ahead_and_is_set_right(
    exporter: DrivenExporter, production: Environment, world: World, clock: SetClock, wall: Wall
) -> None:
    wall.off = timedelta(hours=4)
    polls(exporter, clock, 0.25)
    deploy(world, production, HOUR, ago=20)
    polls(exporter, clock, 0.25)
    wall.off = timedelta()
    for _ in range(6):
        deploy(world, production, HOUR, ago=20)
        polls(exporter, clock, 0.5)
        clock.advance(minutes=30)
    assert exporter.total(APP) == 10
    assert exporter.recent(APP, "7d") == 9
    assert exporter.merge_requests(APP) == 9


def test_a_deployment_that_finishes_in_the_future_counts_when_its_time_has_come(
    exporter: DrivenExporter, production: Environment, world: World, clock: SetClock
) -> None:
    deploy(world, production, HOUR, ago=-2 * HOUR, created_at=world.clock())
    last = exporter.value("project_last_deployment_timestamp_seconds")
    polls(exporter, clock, 1)
    assert shown(exporter) == (2, 4)
    assert exporter.value("project_last_deployment_timestamp_seconds") == last
    # Others finish meanwhile, and are no less seen.
    deploy(world, production, HOUR)
    polls(exporter, clock, 0.5)
    assert shown(exporter) == (3, 5)
    polls(exporter, clock, 1)
    assert shown(exporter) == (4, 5)
    assert exporter.merge_requests(APP) == 4


@pytest.mark.long
def test_one_server_of_several_has_a_wrong_clock(
    world: World, production: Environment, clock: SetClock, tmp_path: Path
) -> None:
    with SimulatedGitLab(world) as gitlab:
        path = tmp_path / "dora.db"
        exporter = DrivenExporter(settings_for(gitlab.url, path, {}), clock, path)
        gitlab.faults.add(Fault("skewed_clock", delay=7200, probability=0.3))
        for number in range(12):
            late = world.clock() + timedelta(minutes=4)
            deploy(world, production, HOUR, ago=number % 3, links_visible_at=late)
            polls(exporter, clock, 0.25)
        assert shown(exporter) == (12, 13)
        assert exporter.merge_requests(APP) == 12
        exporter.close()
