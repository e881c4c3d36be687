from datetime import timedelta

import pytest

from exporter.simulator import SimulatedGitLab, World
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, add_app, deploy, merge


def test_a_new_deployment_counts_after_the_next_poll(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    exporter.poll()
    assert exporter.recent("acme/app") == 0
    clock.advance(minutes=30)
    deploy(world, production, 2 * HOUR, 4 * HOUR, ago=600)
    exporter.poll()
    assert exporter.recent("acme/app") == 1
    assert exporter.value("project_deployment_frequency", project="acme/app", window="7d") == 1 / 7
    assert exporter.lead_time("acme/app") == 3 * HOUR
    assert exporter.lead_time("acme/app", percentile="75") == 3.5 * HOUR
    assert exporter.merge_requests("acme/app") == 2
    assert exporter.total("acme/app") == 2


@pytest.mark.parametrize("filters", [True, False], ids=["by_finish", "by_update"])
@pytest.mark.parametrize("waited", [timedelta(hours=2), timedelta(days=9)], ids=str)
def test_a_deployment_that_succeeds_long_after_it_was_created_counts_when_it_finished(
    world: World,
    exporter: DrivenExporter,
    clock: FakeClock,
    waited: timedelta,
    filters: bool,
) -> None:
    world.features.rest_finished_filters = filters
    production = add_app(world)
    waiting = world.add_deployment(production, status="running", created_at=clock())
    clock.advance(minutes=20)
    deploy(world, production, HOUR)
    exporter.poll()
    assert exporter.recent("acme/app", "1d") == 1
    clock.advance(seconds=waited.total_seconds())
    exporter.poll()
    world.finish(waiting, merge_requests=merge(world, production, clock(), [5 * HOUR]))
    clock.advance(minutes=5)
    exporter.poll()
    day = clock().date().isoformat()
    assert exporter.recent("acme/app") == 2
    assert exporter.merge_requests("acme/app") == 2
    assert exporter.lead_time("acme/app") == 3 * HOUR
    assert exporter.dora("projects/1", start_date=day, end_date=day) == [{day: 1}] or (
        waited < timedelta(days=1)
    )


def test_a_success_is_found_though_a_later_one_was_polled_before_it_appeared(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    slow = world.add_deployment(production, status="running", created_at=clock.ago(hours=2))
    deploy(world, production, HOUR)
    exporter.poll()
    clock.advance(minutes=1)
    world.finish(slow, at=clock.ago(minutes=40))
    exporter.poll()
    assert exporter.recent("acme/app") == 2


@pytest.mark.parametrize("status", ["failed", "canceled", "skipped", "blocked", "running"])
def test_only_successes_count(world: World, exporter: DrivenExporter, status: str) -> None:
    production = add_app(world)
    world.add_deployment(production, status=status, created_at=world.clock() - timedelta(hours=1))
    deploy(world, production, ago=600)
    exporter.poll()
    assert exporter.total("acme/app") == 2
    assert exporter.recent("acme/app") == 1


def test_many_new_deployments_are_read_over_several_pages(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    exporter.poll()
    clock.advance(days=3)
    for number in range(230):
        deploy(world, production, HOUR, ago=600 + 60 * number)
    exporter.poll()
    assert exporter.recent("acme/app") == 230
    assert exporter.merge_requests("acme/app") == 230
    assert {source for _, source in exporter.finishes()} == {"deployment"}


def test_several_environments_of_a_tier_count_together(
    world: World, exporter: DrivenExporter
) -> None:
    europe = add_app(world, environment="production/eu")
    america = add_app(world, environment="production/us")
    staging = add_app(world, environment="staging")
    deploy(world, europe, HOUR, ago=600)
    deploy(world, america, 3 * HOUR, ago=500)
    deploy(world, staging, 9 * HOUR, ago=400)
    exporter.poll()
    assert exporter.recent("acme/app") == 2
    assert exporter.lead_time("acme/app") == 2 * HOUR
    assert exporter.recent("acme/app", tier="staging") == 1


def test_tier_overrides_win_over_gitlab(world: World, start: StartExporter) -> None:
    live = add_app(world, environment="live-eu", tier="other")
    deploy(world, live, ago=600)
    overrides = {"tier_overrides": [{"match": "^live-", "tier": "production"}]}
    exporter = start(environments=overrides)
    exporter.poll()
    assert exporter.recent("acme/app") == 1
    assert exporter.recent("acme/app", tier="other") is None


@pytest.mark.parametrize(("choice", "number"), [("exclude", None), ("include", 1)])
def test_the_merge_requests_of_a_first_deployment_count_only_if_wanted(
    world: World, start: StartExporter, gitlab: SimulatedGitLab, choice: str, number: int | None
) -> None:
    world.features.graphql_deployment_merge_requests = False  # so that questions can be counted
    project = world.add_project("acme/app")
    production = world.add_environment(project, "production")
    deploy(world, production, 900 * HOUR, ago=600)
    exporter = start(lead_time={"first_deployment": choice})
    exporter.poll()
    assert exporter.recent("acme/app") == 1
    assert exporter.merge_requests("acme/app") == (number or 0)
    asked = [one for one in gitlab.requests if one.path.endswith("/merge_requests")]
    assert len(asked) == (number or 0)


def test_a_first_deployment_older_than_the_history_is_known_as_such(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    project = world.add_project("acme/app", created_at=clock.ago(days=900))
    production = world.add_environment(project, "production", created_at=clock.ago(days=900))
    for day in range(130):
        deploy(world, production, ago=(800 - day) * 24 * HOUR)
    deploy(world, production, HOUR, ago=600)
    exporter.poll()
    assert exporter.recent("acme/app") == 1
    assert exporter.merge_requests("acme/app") == 1


def test_one_merge_request_deployed_to_two_environments_counts_for_each(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    europe = add_app(world, environment="production-eu")
    america = add_app(world, environment="production-us")
    change = merge(world, europe, clock(), [4 * HOUR])
    deploy(world, europe, ago=3 * HOUR, merge_requests=change)
    deploy(world, america, ago=1 * HOUR, merge_requests=change)
    exporter.poll()
    assert exporter.merge_requests("acme/app") == 2
    assert exporter.lead_time("acme/app") == 2 * HOUR
