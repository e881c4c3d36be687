from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from exporter.simulator import Fault, SimulatedGitLab, World
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, add_app, deploy

GRAPHQL = "/api/graphql"


def seconds(moment: datetime) -> float:
    return moment.timestamp()


@pytest.fixture
def odd(clock: FakeClock) -> datetime:
    """A finish with a fraction of a second that no two sources cut alike."""
    return (clock() - timedelta(hours=1)).replace(microsecond=700_400)


def test_graphql_tells_the_finish_to_the_second(
    world: World, exporter: DrivenExporter, odd: datetime
) -> None:
    deploy(world, add_app(world), finished_at=odd)
    exporter.poll()
    assert exporter.finishes()[-1] == (seconds(odd.replace(microsecond=0)), "deployment")


@pytest.mark.parametrize("feature", ["graphql", "graphql_finished_at"])
def test_without_graphql_the_finish_of_the_job_is_taken(
    world: World, exporter: DrivenExporter, odd: datetime, feature: str
) -> None:
    setattr(world.features, feature, False)
    deployment = deploy(world, add_app(world), HOUR, finished_at=odd)
    exporter.poll()
    job = odd - timedelta(milliseconds=3 + deployment.id % 60)
    whole = job.replace(microsecond=job.microsecond // 1000 * 1000)
    assert exporter.finishes()[-1] == (seconds(whole), "job")
    assert exporter.recent("acme/app") == 1


def test_without_graphql_and_without_a_job_the_last_change_is_taken(
    world: World, exporter: DrivenExporter, odd: datetime
) -> None:
    world.features.graphql = False
    updated_at = (odd + timedelta(minutes=2)).replace(microsecond=123_000)
    deploy(world, add_app(world), finished_at=odd, updated_at=updated_at, deployable=False)
    exporter.poll()
    assert exporter.finishes()[-1] == (seconds(updated_at), "updated_at")


def test_without_a_job_graphql_is_still_exact(
    world: World, exporter: DrivenExporter, odd: datetime, clock: FakeClock
) -> None:
    deploy(world, add_app(world), finished_at=odd, updated_at=clock(), deployable=False)
    exporter.poll()
    assert exporter.finishes()[-1] == (seconds(odd.replace(microsecond=0)), "deployment")


def test_an_old_instance_is_polled_by_what_changed(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    features = world.features
    features.graphql = features.rest_finished_filters = features.environment_tier = False
    production = add_app(world)
    touched = deploy(world, production, HOUR, ago=600)
    exporter.poll()
    clock.advance(days=1)
    world.touch_deployment(touched)
    deploy(world, production, 3 * HOUR)
    clock.advance(minutes=6)
    exporter.poll()
    assert exporter.recent("acme/app") == 2
    assert exporter.total("acme/app") == 3
    assert exporter.lead_time("acme/app") == pytest.approx(2 * HOUR, abs=0.1)
    assert exporter.value("exporter_project_poll_errors_total", project="acme/app") == 0


def test_finishes_become_exact_once_graphql_can_be_reached(
    world: World, exporter: DrivenExporter, gitlab: SimulatedGitLab, odd: datetime, clock: FakeClock
) -> None:
    gitlab.faults.add(Fault("status", GRAPHQL, status=503))
    production = add_app(world)
    deploy(world, production, HOUR, finished_at=odd)
    exporter.poll()
    assert exporter.recent("acme/app") == 1
    assert {source for _, source in exporter.finishes()} == {"job"}
    gitlab.faults.clear()
    for _ in range(3):
        clock.advance(minutes=5)
        exporter.poll()
    assert exporter.finishes()[-1] == (seconds(odd.replace(microsecond=0)), "deployment")
    assert {source for _, source in exporter.finishes()} == {"deployment"}
    assert exporter.total("acme/app") == 2
    assert exporter.lead_time("acme/app") == pytest.approx(HOUR - 0.7, abs=0.001)


def test_finishes_read_without_graphql_become_exact_after_a_restart_with_it(
    world: World, start: StartExporter, odd: datetime, clock: FakeClock
) -> None:
    world.features.graphql = False
    deploy(world, add_app(world), HOUR, finished_at=odd)
    before = start()
    before.poll()
    before.close()
    world.features.graphql = True
    clock.advance(minutes=5)
    exporter = start()
    exporter.poll()
    assert exporter.finishes()[-1] == (seconds(odd.replace(microsecond=0)), "deployment")


def test_a_guess_that_cannot_be_made_exact_any_more_is_not_asked_for_again(
    world: World, start: StartExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    world.features.graphql = False
    production = add_app(world)
    deploy(world, production, HOUR, ago=600)
    before = start()
    before.poll()
    before.close()
    world.features.graphql = True
    world.delete_environment(production)
    exporter = start()
    exporter.poll()
    assert {source for _, source in exporter.finishes()} == {"job"}  # one answer may be wrong
    exporter.poll()
    assert {source for _, source in exporter.finishes()} == {"unconfirmed"}
    gitlab.requests.clear()
    clock.advance(minutes=5)
    exporter.poll()
    # The overview of all projects, and no more.
    assert [one.path for one in gitlab.requests] == [GRAPHQL]
    assert exporter.recent("acme/app") == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", GRAPHQL, status=501),
        Fault("status", GRAPHQL, status=404),
        Fault("status", GRAPHQL, status=403),
        Fault("wrong_json", GRAPHQL),
        Fault("truncated_json", GRAPHQL),
        Fault("reset", GRAPHQL),
    ],
    ids=["501", "404", "403", "html", "truncated", "reset"],
)
def test_a_server_whose_graphql_does_not_work_is_polled_over_rest(
    world: World, exporter: DrivenExporter, gitlab: SimulatedGitLab, clock: FakeClock, fault: Fault
) -> None:
    def wrong_for_lists_too() -> Fault:
        return Fault(fault.kind, fault.match, status=fault.status)

    gitlab.faults.add(wrong_for_lists_too())
    production = add_app(world)
    deploy(world, production, HOUR, ago=600)
    exporter.poll()
    deploy(world, production, 3 * HOUR)
    clock.advance(minutes=6)
    exporter.poll()
    assert exporter.recent("acme/app") == 2
    assert exporter.lead_time("acme/app") == pytest.approx(2 * HOUR, abs=0.1)
    assert {source for _, source in exporter.finishes()} == {"job"}
    assert exporter.value("exporter_project_poll_errors_total", project="acme/app") == 0
    assert exporter.value("exporter_stale_projects") == 0


@pytest.mark.parametrize(
    "hide",
    [
        lambda world: setattr(world.features, "max_graphql_complexity", 3),
        lambda world: setattr(world.features, "max_graphql_complexity", 30),
    ],
    ids=["nothing", "little"],
)
def test_a_server_that_finds_the_queries_too_complex_is_polled_over_rest(
    world: World, exporter: DrivenExporter, hide: Callable[[World], None]
) -> None:
    hide(world)
    deploy(world, add_app(world), HOUR, ago=600)
    exporter.poll()
    assert exporter.recent("acme/app") == 1
    assert exporter.lead_time("acme/app") == pytest.approx(HOUR, abs=0.1)


@pytest.mark.parametrize("status", [503, 403])
def test_graphql_that_fails_later_delays_no_deployment(
    world: World, exporter: DrivenExporter, gitlab: SimulatedGitLab, clock: FakeClock, status: int
) -> None:
    production = add_app(world)
    deploy(world, production, HOUR, ago=600)
    exporter.poll()
    gitlab.faults.add(Fault("status", GRAPHQL, status=status))
    deploy(world, production, 3 * HOUR)
    for _ in range(4):
        clock.advance(minutes=5)
        exporter.poll()
        assert exporter.recent("acme/app") == 2
        assert exporter.value("exporter_stale_projects") == 0
        assert [source for _, source in exporter.finishes()] == ["deployment", "deployment", "job"]


def test_finishes_read_while_graphql_failed_become_exact_once_it_is_back(
    world: World, exporter: DrivenExporter, gitlab: SimulatedGitLab, odd: datetime, clock: FakeClock
) -> None:
    production = add_app(world)
    exporter.poll()
    deploy(world, production, ago=4000)
    exporter.poll()
    gitlab.faults.add(Fault("status", GRAPHQL, status=503))
    deploy(world, production, HOUR, finished_at=odd)
    exporter.poll()
    assert exporter.finishes()[-1][1] == "job"
    gitlab.faults.clear()
    for _ in range(3):
        clock.advance(minutes=5)
        exporter.poll()
    assert exporter.finishes()[-1] == (seconds(odd.replace(microsecond=0)), "deployment")
    assert exporter.total("acme/app") == 3
