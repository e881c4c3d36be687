from datetime import timedelta

import pytest

from exporter.simulator import SimulatedGitLab, World
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, add_app, deploy

DAY = 24 * HOUR


def daily(exporter: DrivenExporter, clock: FakeClock, days_ago: int) -> float | None:
    """Return the deployments of ``acme/app`` on one day."""
    day = (clock() - timedelta(days=days_ago)).date().isoformat()
    (bucket,) = exporter.dora("projects/acme%2Fapp", start_date=day, end_date=day)
    number: float | None = bucket[day]
    return number


def test_the_history_is_as_long_as_configured(
    world: World, start: StartExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    for days in (5, 9, 10, 11, 15):
        deploy(world, production, HOUR, ago=days * DAY)
    exporter = start(poll={"history": "10d"}, windows=["5d", "10d", "11d"])
    exporter.poll()
    assert [daily(exporter, clock, days) for days in (5, 9, 10, 11, 15)] == [1, 1, 1, None, None]
    assert exporter.recent("acme/app", "5d") == 0
    assert exporter.recent("acme/app", "10d") == 2
    assert exporter.recent("acme/app", "11d") is None
    assert exporter.total("acme/app") == 3


def test_what_was_deployed_before_the_history_is_not_read(
    world: World, start: StartExporter, gitlab: SimulatedGitLab
) -> None:
    production = add_app(world)
    old = deploy(world, production, HOUR, ago=50 * DAY)
    exporter = start(poll={"history": "10d"})
    exporter.poll()
    assert exporter.finishes() == []
    assert not [one for one in gitlab.requests if f"/deployments/{old.id}/" in one.path]


def test_a_window_is_shown_once_the_stored_history_covers_it(
    world: World, start: StartExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    deploy(world, production, HOUR, ago=2 * DAY)
    exporter = start(poll={"history": "10d"}, windows=["7d"])
    exporter.poll()
    previous = {"project": "acme/app", "window": "7d"}
    assert exporter.recent("acme/app", "7d") == 1
    assert exporter.value("project_previous_deployments", **previous) is None
    clock.advance(days=7)
    exporter.poll()
    assert exporter.recent("acme/app", "7d") == 0
    assert exporter.value("project_previous_deployments", **previous) == 1


def test_pruning_forgets_old_deployments_but_no_counter(
    world: World, start: StartExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    for days in (1, 8):
        deploy(world, production, HOUR, ago=days * DAY)
    exporter = start(poll={"history": "10d", "retention": "12d"}, windows=["3d", "12d"])
    exporter.poll()
    assert exporter.total("acme/app") == 2
    clock.advance(days=6)
    deploy(world, production, 3 * HOUR, ago=HOUR)
    exporter.poll()
    assert exporter.total("acme/app") == 3
    assert exporter.value("group_deployments_total", group="acme") == 3
    assert len(exporter.finishes()) == 2
    assert [daily(exporter, clock, days) for days in (0, 7, 12, 13, 14)] == [1, 1, 0, None, None]
    assert exporter.recent("acme/app", "12d") == 2
    assert exporter.recent("acme/app", "3d") == 1
    assert exporter.stored("SELECT count(*) FROM merge_requests") == [(2,)]


def test_counters_outlive_pruning_and_restarts(
    world: World, start: StartExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    keep = {"history": "10d", "retention": "10d"}
    total = 0.0
    for _ in range(4):
        deploy(world, production, HOUR, ago=HOUR)
        exporter = start(poll=keep, windows=["3d"])
        exporter.poll()
        total += 1
        assert exporter.total("acme/app") == total
        exporter.close()
        clock.advance(days=11)
    exporter = start(poll=keep, windows=["3d"])
    exporter.poll()
    assert exporter.finishes() == []
    assert exporter.total("acme/app") == total
    assert exporter.recent("acme/app", "3d") == 0


def test_a_deployment_after_pruning_is_not_taken_for_a_first_one(
    world: World, start: StartExporter, clock: FakeClock
) -> None:
    production = world.add_environment(world.add_project("acme/app"), "production")
    deploy(world, production, 700 * DAY, ago=HOUR)
    exporter = start(poll={"history": "10d", "retention": "10d"}, windows=["3d"])
    exporter.poll()
    assert exporter.merge_requests("acme/app", "3d") == 0
    clock.advance(days=20)
    exporter.poll()
    assert exporter.finishes() == []
    deploy(world, production, 5 * HOUR, ago=HOUR)
    exporter.poll()
    assert exporter.merge_requests("acme/app", "3d") == 1
    assert exporter.lead_time("acme/app", "3d") == 5 * HOUR


@pytest.mark.parametrize("retention", ["3d", "10d"])
def test_nothing_of_the_history_goes_for_a_retention_that_is_shorter(
    world: World, start: StartExporter, clock: FakeClock, retention: str
) -> None:
    production = add_app(world)
    for days in (1, 9):
        deploy(world, production, HOUR, ago=days * DAY)
    exporter = start(poll={"history": "10d", "retention": retention}, windows=["10d"])
    exporter.poll()
    exporter.poll()
    assert exporter.recent("acme/app", "10d") == 2
    assert daily(exporter, clock, 9) == 1


def test_pruning_asks_gitlab_for_nothing_again(
    world: World, start: StartExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    production = add_app(world)
    deploy(world, production, HOUR, ago=2 * DAY)
    keep = {"history": "10d", "retention": "10d"}
    exporter = start(poll=keep)
    exporter.poll()
    for _ in range(4):
        clock.advance(days=5)
        exporter.service.discover()
        gitlab.requests.clear()
        exporter.poll()
        assert len(gitlab.requests) <= 3
        assert exporter.total("acme/app") == 1
