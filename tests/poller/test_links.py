import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.world import Deployment
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, add_app, deploy, merge


def questions(gitlab: SimulatedGitLab, deployment: Deployment) -> int:
    """How often the merge requests of a deployment were asked for."""
    path = f"/deployments/{deployment.id}/merge_requests"
    return sum(record.path.endswith(path) for record in gitlab.requests)


@pytest.mark.parametrize("visible", [30, 120, 290])
@pytest.mark.parametrize("interval", [60, 300])
def test_links_are_read_when_gitlab_has_had_its_time_to_make_them(
    world: World, exporter: DrivenExporter, clock: FakeClock, visible: int, interval: int
) -> None:
    """A deployment counts at once, its lead time when it is final."""
    production = add_app(world)
    finished_at = clock()
    deploy(world, production, HOUR, links_visible_at=finished_at + timedelta(seconds=visible))
    clock.advance(seconds=10)
    while (clock() - finished_at).total_seconds() < 300:
        exporter.poll()
        assert exporter.recent("acme/app") == 1
        assert exporter.merge_requests("acme/app") == 0
        clock.advance(seconds=interval)
    exporter.poll()
    assert exporter.merge_requests("acme/app") == 1
    assert exporter.lead_time("acme/app") == HOUR


def test_links_that_appear_one_by_one_are_all_read(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    deployment = deploy(world, production, HOUR)
    later = merge(world, production, clock(), [3 * HOUR])
    clock.advance(seconds=20)
    exporter.poll()
    deployment.merge_requests.extend(later)
    clock.advance(minutes=5)
    exporter.poll()
    assert exporter.merge_requests("acme/app") == 2
    assert exporter.lead_time("acme/app") == 2 * HOUR


def test_links_are_asked_for_once(
    world: World, exporter: DrivenExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    world.features.graphql_deployment_merge_requests = False  # so that questions can be counted
    production = add_app(world)
    deployments = [deploy(world, production, *leads) for leads in ([HOUR], [])]
    for minute in range(8):
        clock.advance(minutes=1)
        exporter.poll()
        assert [questions(gitlab, one) for one in deployments] == [int(minute >= 4)] * 2
    for wait in (timedelta(minutes=1), timedelta(minutes=10), timedelta(days=2)):
        clock.advance(seconds=wait.total_seconds())
        exporter.poll()
    assert [questions(gitlab, one) for one in deployments] == [1, 1]


def test_links_are_asked_for_though_their_project_is_not(
    world: World, start: StartExporter, clock: FakeClock
) -> None:
    """With webhooks a project is asked about once in hours; and a restart loses nothing."""
    webhook = {"secret": "sixteen-letters!"}
    production = add_app(world)
    first = start(webhook=webhook)
    first.poll()
    clock.advance(hours=6)
    deploy(world, production, HOUR, ago=10)
    first.poll()
    assert first.recent("acme/app") == 1
    first.close()
    exporter = start(webhook=webhook)
    clock.advance(minutes=6)
    exporter.poll()
    assert exporter.merge_requests("acme/app") == 0  # soon an event may cause a request anyway
    clock.advance(minutes=5)
    exporter.poll()
    assert exporter.merge_requests("acme/app") == 1
    assert exporter.lead_time("acme/app") == HOUR


@pytest.mark.parametrize("deleted", [False, True])
def test_what_an_earlier_version_read_early_gets_its_final_reading(
    world: World, start: StartExporter, clock: FakeClock, deleted: bool
) -> None:
    """But links that GitLab does not tell of any more, with the environment, stay."""
    production = add_app(world)
    deployment = deploy(world, production, HOUR, ago=400)
    first = start()
    first.poll()
    with closing(sqlite3.connect(first.database)) as connection, connection:
        connection.execute("UPDATE deployments SET links = 1 WHERE id = ?", [deployment.id])
    first.close()
    deployment.merge_requests.extend(merge(world, production, clock(), [3 * HOUR]))
    if deleted:
        world.delete_environment(production)
    exporter = start()
    exporter.poll()
    assert exporter.merge_requests("acme/app") == (1 if deleted else 2)
    assert exporter.stored("SELECT links FROM deployments WHERE id = ?", deployment.id) == [(2,)]


def test_links_of_a_deployment_that_is_settled_already_are_asked_for_once(
    world: World, exporter: DrivenExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    world.features.graphql_deployment_merge_requests = False
    deployment = deploy(world, add_app(world), HOUR, ago=301)
    exporter.poll()
    clock.advance(minutes=10)
    exporter.poll()
    assert questions(gitlab, deployment) == 1


@pytest.mark.parametrize("minutes", [-10, 10])
def test_settling_is_measured_by_the_clock_of_gitlab(
    world: World, exporter: DrivenExporter, clock: FakeClock, minutes: int
) -> None:
    skew = timedelta(minutes=minutes)
    world.clock = lambda: clock() + skew
    production = add_app(world)
    deploy(world, production, HOUR, links_visible_at=world.clock() + timedelta(seconds=280))
    clock.advance(seconds=10)
    exporter.poll()
    for _ in range(16):
        clock.advance(seconds=65)
        exporter.poll()
    assert exporter.merge_requests("acme/app") == 1
