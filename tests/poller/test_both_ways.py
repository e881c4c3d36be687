"""The same world read with GraphQL and without it, poll by poll."""

from random import Random

import pytest

from exporter.simulator import World
from exporter.simulator.generator import generate
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, deploy


def something_happens(world: World, random: Random) -> None:
    """Deploy here and there, and change environments."""
    environments = sorted(world.environments.values(), key=lambda one: one.id)
    for environment in random.sample(environments, min(4, len(environments))):
        leads = [HOUR * random.randint(1, 50) for _ in range(random.choice([0, 1, 2, 25]))]
        deploy(world, environment, *leads, ago=random.randint(0, 3000))
    changed = random.choice(environments)
    changed.tier = random.choice(["production", "staging", "development"])
    if random.random() < 0.3:
        world.delete_environment(random.choice(environments))
    project = random.choice(sorted(world.projects.values(), key=lambda one: one.id))
    new = world.add_environment(project, f"new-{random.random()}", tier="production")
    deploy(world, new, HOUR)


def poll(world: World, exporter: DrivenExporter, *, graphql: bool) -> None:
    world.features.graphql = graphql
    assert exporter.poll()


def without_finish(exporter: DrivenExporter) -> list[tuple[object, ...]]:
    return exporter.stored(
        "SELECT d.id, d.environment_id, d.first, d.links, d.sha, d.ref, l.iid FROM deployments d"
        " LEFT JOIN deployment_merge_requests l ON l.deployment_id = d.id ORDER BY d.id, l.iid"
    )


def merge_requests(exporter: DrivenExporter) -> list[tuple[object, ...]]:
    """Return the stored merge requests; GraphQL tells whole seconds of their merges."""
    return exporter.stored(
        "SELECT project_id, iid, merged_at / 1000000, target_branch, author FROM merge_requests"
        " ORDER BY project_id, iid"
    )


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 10))
def test_both_ways_bring_the_same_facts(
    world: World,
    start: StartExporter,
    clock: FakeClock,
    seed: int,
) -> None:
    random = Random(seed)
    generate(world, seed=seed, days=20, end=clock.ago(minutes=30))
    ours, theirs = start(database="graphql.db"), start(database="rest.db")
    for _ in range(8):
        poll(world, ours, graphql=True)
        poll(world, theirs, graphql=False)
        assert without_finish(ours) == without_finish(theirs)
        clock.advance(minutes=random.choice([1, 5, 20, 300]))
        something_happens(world, random)
    # The last events settle.
    for _ in range(2):
        clock.advance(hours=1)
        theirs.service.discover()
        ours.service.discover()
        poll(world, ours, graphql=True)
        poll(world, theirs, graphql=False)
    assert without_finish(ours) == without_finish(theirs)
    assert merge_requests(ours) == merge_requests(theirs)
    numbers = ours.numbers()
    assert numbers.keys() == theirs.numbers().keys()
    for key, number in theirs.numbers().items():
        # GraphQL tells whole seconds, REST milliseconds.
        assert abs(number - numbers[key]) < (1 if key[0].endswith("_seconds") else 1e-9), key
    assert ours.stored("SELECT id, name, tier, listed FROM environments ORDER BY id") == (
        theirs.stored("SELECT id, name, tier, listed FROM environments ORDER BY id")
    )
