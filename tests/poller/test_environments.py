import pytest

from exporter.simulator import World
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, add_app, deploy


def test_a_renamed_environment_keeps_its_history_and_goes_on(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    deploy(world, production, HOUR, ago=600)
    exporter.poll()
    world.rename_environment(production, "live-now")
    deploy(world, production, 3 * HOUR)
    clock.advance(minutes=6)
    exporter.poll()
    assert exporter.recent("acme/app") == 2
    assert exporter.lead_time("acme/app") == 2 * HOUR
    assert exporter.total("acme/app") == 3
    assert {source for _, source in exporter.finishes()} == {"deployment"}
    assert exporter.stored("SELECT name FROM environments") == [("live-now",)]


def test_an_instance_without_tiers_takes_them_from_the_names(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    world.features.environment_tier = False
    world.features.graphql = False
    production = add_app(world)
    add_app(world, environment="stage-1")
    deploy(world, production, ago=600)
    exporter.poll()
    assert exporter.recent("acme/app") == 1
    assert exporter.recent("acme/app", tier="staging") == 0
    world.rename_environment(production, "qa")
    clock.advance(minutes=5)
    exporter.poll()
    assert exporter.recent("acme/app") is None
    assert exporter.recent("acme/app", tier="testing") == 1


@pytest.mark.parametrize("deployed", [True, False], ids=["deployed", "quiet"])
def test_the_history_of_an_environment_moves_to_its_new_tier(
    world: World,
    exporter: DrivenExporter,
    clock: FakeClock,
    deployed: bool,
) -> None:
    environment = add_app(world, environment="blue")
    day = clock.ago(days=1).date().isoformat()
    deploy(world, environment, HOUR, ago=24 * HOUR)
    exporter.poll()
    assert exporter.recent("acme/app", tier="other") == 1
    world.set_tier(environment, "production")
    if deployed:
        deploy(world, environment, 3 * HOUR)
    clock.advance(minutes=6)
    exporter.poll()
    assert exporter.recent("acme/app", tier="production") == 1 + deployed
    assert exporter.recent("acme/app", tier="other") is None
    assert exporter.lead_time("acme/app") == (2 * HOUR if deployed else HOUR)
    assert exporter.group_recent("acme") == 1 + deployed
    assert exporter.dora("projects/1", start_date=day, end_date=day) == [{day: 1}]
    other = exporter.dora("projects/1", start_date=day, end_date=day, environment_tier="other")
    assert other == [{day: 0}]


def test_counters_never_fall_when_an_environment_changes_its_tier(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    environment = add_app(world, environment="blue")
    exporter.poll()
    before = dict.fromkeys(("production", "other"), 0.0)
    for tier in ("production", "other", "production"):
        world.set_tier(environment, tier)
        deploy(world, environment)
        clock.advance(minutes=6)
        exporter.poll()
        for one, former in before.items():
            now = exporter.total("acme/app", one) or 0
            assert now >= former
            before[one] = now
    assert before == {"production": 2, "other": 2}


def test_a_quiet_environment_moves_to_its_new_tier_at_discovery_in_a_large_estate(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    environments = [add_app(world, f"acme/app-{number}", "blue") for number in range(6)]
    exporter.poll()
    for environment in environments:
        world.set_tier(environment, "production")
    clock.advance(hours=1)
    exporter.poll()
    assert exporter.value("group_deployments_total", group="acme", environment_tier="other") == 6
    assert exporter.group_recent("acme", "90d") == 6
    assert exporter.group_recent("acme", "90d", tier="other") is None


def test_a_stopped_environment_keeps_its_numbers(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    deploy(world, production, HOUR, ago=600)
    exporter.poll()
    before = exporter.dora("projects/1")
    world.stop_environment(production)
    clock.advance(hours=2)
    exporter.poll()
    assert exporter.recent("acme/app") == 1
    assert exporter.dora("projects/1") == before


@pytest.mark.parametrize("restarted", [True, False], ids=["restarted", "running"])
def test_what_was_deployed_to_a_deleted_environment_stays_true(
    world: World,
    start: StartExporter,
    clock: FakeClock,
    restarted: bool,
) -> None:
    exporter = start()
    production = add_app(world)
    deploy(world, production, HOUR, ago=600)
    exporter.poll()
    before = exporter.dora("projects/1")
    world.delete_environment(production)
    clock.advance(hours=2)
    if restarted:
        exporter.close()
        exporter = start()
    exporter.poll()
    assert exporter.recent("acme/app") == 1
    assert exporter.lead_time("acme/app") == HOUR
    assert exporter.total("acme/app") == 2
    assert exporter.dora("projects/1") == before
    assert exporter.stored("SELECT listed FROM environments") == [(0,)]


def test_an_environment_made_anew_under_the_same_name_adds_to_the_old_one(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    deploy(world, production, HOUR, ago=600)
    exporter.poll()
    world.delete_environment(production)
    again = world.add_environment(production.project, "production")
    clock.advance(minutes=10)
    deploy(world, again, 800 * HOUR, ago=400)
    deploy(world, again, 3 * HOUR, ago=390)
    exporter.poll()
    assert exporter.recent("acme/app") == 3
    assert exporter.total("acme/app") == 4
    # The first deployment of the new one is a first deployment.
    assert exporter.merge_requests("acme/app") == 2
    assert exporter.lead_time("acme/app") == 2 * HOUR
    assert {source for _, source in exporter.finishes()} == {"deployment"}


def test_two_environments_that_swap_their_names_keep_their_own_histories(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    blue = add_app(world, environment="blue", tier="production")
    green = add_app(world, environment="green", tier="staging")
    deploy(world, blue, HOUR, ago=600)
    exporter.poll()
    world.rename_environment(blue, "x")
    world.rename_environment(green, "blue")
    world.rename_environment(blue, "green")
    deploy(world, blue, 3 * HOUR)
    clock.advance(minutes=6)
    exporter.poll()
    assert exporter.recent("acme/app") == 2
    assert exporter.recent("acme/app", tier="staging") == 0
    assert {source for _, source in exporter.finishes()} == {"deployment"}
