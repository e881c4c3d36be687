"""Exporters that share a PostgreSQL, driven by hand on one clock: one polls, the others follow."""

import logging
from collections.abc import Callable
from unittest.mock import patch

import pytest

from exporter.config import Settings
from exporter.gitlab import StoppedError
from exporter.poller import Beginning
from exporter.poller.named import MOST_DEPLOYMENTS, NamedProjects
from exporter.poller.relay import Relay
from exporter.service import Service
from exporter.simulator import DEFAULT_TOKEN, Fault, SimulatedGitLab, World
from exporter.store import Store, StoreError, Told
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import add_app, deploy
from tests.poller.events import Events
from tests.poller.test_events import WEBHOOK
from tests.poller.test_failures import ERRORS, STALE, UP
from tests.postgres import Server, cut_every_connection, postgres
from tests.waiting import wait_until

__all__ = ["postgres"]

StartReplica = Callable[[], DrivenExporter]


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.create_database()


@pytest.fixture
def replica(start: StartExporter, url: str) -> StartReplica:
    """Start replicas, which poll every five minutes and listen for events."""
    return lambda: start(store={"url": url}, webhook=WEBHOOK, poll={"reconcile_interval": "5m"})


def turn(*exporters: DrivenExporter) -> None:
    """Let each of some replicas take its turn."""
    for one in exporters:
        one.service.replica.turn()


def leaders(*exporters: DrivenExporter) -> list[float | None]:
    """What each of some replicas says of whether it leads."""
    return [one.value("exporter_leader") for one in exporters]


def begun(exporter: DrivenExporter) -> list[Beginning]:
    """Note when a replica would begin to poll, in place of beginning."""
    noted: list[Beginning] = []
    exporter.service._started = True
    exporter.service._begin_polls = noted.append  # type: ignore[assignment, method-assign]
    return noted


def same(one: DrivenExporter, other: DrivenExporter) -> bool:
    """Whether two replicas show the same, and as of the same poll."""
    polled_at = "exporter_last_poll_success_timestamp_seconds"
    assert one.value(polled_at) is not None
    return one.numbers() == other.numbers() and one.value(polled_at) == other.value(polled_at)


# Following.


def test_one_polls_and_all_show_the_same(
    world: World, gitlab: SimulatedGitLab, replica: StartReplica, clock: FakeClock
) -> None:
    app = add_app(world)
    deploy(world, app, 3600, ago=60)
    first, second = replica(), replica()
    turn(first, second)
    assert leaders(first, second) == [1, 0]
    assert second.page("/-/ready").status_code == 503
    assert first.poll()
    gitlab.requests.clear()
    assert not second.poll()
    second.service.discover()
    assert list(gitlab.requests) == []
    turn(first, second)
    assert second.page("/-/ready").status_code == 200
    assert second.recent("acme/app") == 1
    assert second.dora("projects/acme%2Fapp") == first.dora("projects/acme%2Fapp")
    assert same(first, second)
    clock.advance(minutes=5)
    deploy(world, app, 7200, ago=60)
    first.poll()
    assert not same(first, second)
    turn(second)
    assert same(first, second)
    assert second.recent("acme/app") == 2


def test_who_follows_reads_only_the_changed_projects_and_only_when_something_was_published(
    world: World, replica: StartReplica, clock: FakeClock
) -> None:
    app, _ = add_app(world), add_app(world, "acme/api")
    first, second = replica(), replica()
    turn(first)
    first.poll()
    turn(second)
    history = second.service.store.history
    with patch.object(history, "columns", wraps=history.columns) as columns:
        clock.advance(minutes=5)
        deploy(world, app, ago=60)
        first.poll()
        turn(second)
        assert [list(call.args[0]) for call in columns.call_args_list] == [[app.project.id]]
        clock.advance(minutes=5)
        first.poll()  # which reads the merge requests for the last time
        turn(second)
        columns.reset_mock()
        clock.advance(minutes=5)
        first.poll()
        turn(second)
        columns.assert_not_called()
    assert same(first, second)
    with patch.object(second.service._ledger, "view") as view:
        turn(second, second)
        view.assert_not_called()


def test_the_scope_is_followed(world: World, replica: StartReplica, clock: FakeClock) -> None:
    add_app(world)
    first, second = replica(), replica()
    turn(first, second)
    first.poll()
    add_app(world, "acme/new")
    clock.advance(hours=1)
    first.service.discover()
    turn(second)
    assert second.projects() == first.projects() == {"acme/app", "acme/new"}


def test_trouble_is_followed_and_the_next_leader_knows_of_it(
    world: World, gitlab: SimulatedGitLab, replica: StartReplica, clock: FakeClock
) -> None:
    app, _ = add_app(world), add_app(world, "acme/api")
    first, second = replica(), replica()
    turn(first, second)
    gitlab.faults.add(
        Fault("status", f"/projects/{app.project.id}/(deployments|environments)", status=403)
    )
    first.poll()
    turn(second)
    assert first.value(STALE) == second.value(STALE) == 1
    assert first.value(UP) == second.value(UP) == 1
    assert first.value(ERRORS, project="acme/app") == 1
    assert second.value(ERRORS, project="acme/app") == 0
    gitlab.faults.clear()
    first.close()
    turn(second)
    assert second.value(STALE) == 1
    assert second.service.status.view().failing.keys() == {app.project.id}
    clock.advance(minutes=5)
    second.poll()
    assert second.value(STALE) == 0


def test_who_cannot_follow_keeps_its_values_and_says_so_once(
    world: World,
    replica: StartReplica,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    app = add_app(world)
    first, second = replica(), replica()
    turn(first, second)
    first.poll()
    turn(second)
    clock.advance(minutes=5)
    deploy(world, app, ago=60)
    first.poll()
    with patch.object(second.service.store.standing, "load", side_effect=OSError):
        turn(second, second, second)
    assert second.recent("acme/app") == 0
    turn(second)
    assert second.recent("acme/app") == 1
    assert [one.message for one in caplog.records if "follow" in one.message] == [
        "this replica cannot follow, the last values stay",
        "this replica follows again",
    ]


# Handing over.


def test_the_first_leader_polls_at_once(replica: StartReplica) -> None:
    first = replica()
    beginnings = begun(first)
    turn(first)
    assert beginnings == [Beginning()]


def test_a_poll_that_is_due_at_once_is_made(world: World, replica: StartReplica) -> None:
    add_app(world)
    first = replica()
    complete: list[bool] = []
    first.service._started = True
    with patch.object(
        first.service, "_begin_polls", lambda _: complete.append(first.service.poll())
    ):
        turn(first)
    assert complete == [True]


def test_a_leader_that_ends_hands_over_at_once(
    world: World, replica: StartReplica, clock: FakeClock
) -> None:
    """The next poll comes five minutes less the reserve after the last began, whoever makes it."""
    app = add_app(world)
    first, second, third = replica(), replica(), replica()
    turn(first, second, third)
    first.poll()
    beginnings = begun(second)
    clock.advance(minutes=2)
    deploy(world, app, ago=60)
    first.close()
    turn(second, third)
    assert leaders(second, third) == [1, 0]
    assert [(one.earliest, round(one.poll, 2)) for one in beginnings] == [(0, 175)]
    clock.advance(minutes=3)
    assert second.poll()
    turn(third)
    assert second.recent("acme/app") == third.recent("acme/app") == 1
    assert same(second, third)


def test_a_poll_that_was_cut_off_began_all_the_same(
    world: World, url: str, replica: StartReplica, clock: FakeClock
) -> None:
    """Whose leader is killed half an interval later: the next comes in the other half."""
    add_app(world)
    first, second = replica(), replica()
    turn(first, second)
    first.poll()
    clock.advance(minutes=5)
    with patch.object(first.service._poll, "run", side_effect=OSError), pytest.raises(OSError):  # noqa: PT011
        first.poll()
    beginnings = begun(second)
    clock.advance(minutes=2.5)
    cut_every_connection(url)
    turn(second)
    assert [round(one.poll, 2) for one in beginnings] == [145]


def test_a_leader_killed_just_before_a_poll_is_replaced_within_the_interval(
    replica: StartReplica,
) -> None:
    """What passes from the begin of one poll to that of the next, at worst."""
    service = replica().service
    rhythm, interval = service.store.rhythm, service.settings.poll.interval.timedelta
    worst = service.replica.interval.total_seconds() + rhythm.turn + rhythm.grace
    assert worst < interval.total_seconds()


def test_polls_that_events_caused_put_none_off(
    world: World, replica: StartReplica, clock: FakeClock
) -> None:
    app = add_app(world)
    first, second = replica(), replica()
    turn(first, second)
    first.poll()
    clock.advance(minutes=4)
    first.service._poll_named({app.project.id: ()})
    beginnings = begun(second)
    first.close()
    turn(second)
    assert [(one.earliest, round(one.poll, 2)) for one in beginnings] == [(0, 55)]


def test_a_leader_that_may_not_know_that_it_is_cut_off_is_given_time_to_notice(
    world: World, url: str, replica: StartReplica, clock: FakeClock
) -> None:
    add_app(world)
    first, second = replica(), replica()
    turn(first, second)
    first.poll()
    beginnings = begun(second)
    clock.advance(minutes=10)
    cut_every_connection(url)
    turn(second)
    grace = second.service.store.rhythm.grace
    assert beginnings == [Beginning(grace, grace)]
    turn(first)
    assert leaders(first, second) == [0, 1]
    assert not first.poll()
    second.poll()
    turn(first)
    assert same(first, second)


def test_a_cut_off_leader_stores_nothing_and_asks_gitlab_nothing_more(
    world: World, gitlab: SimulatedGitLab, url: str, replica: StartReplica, clock: FakeClock
) -> None:
    app = add_app(world)
    first, second = replica(), replica()
    turn(first, second)
    first.poll()
    before = second.service.store.scope.polled()
    cut_every_connection(url)
    turn(second)
    clock.advance(minutes=5)
    deploy(world, app, ago=60)
    assert not first.poll()  # it does not know before it writes
    assert second.service.store.scope.polled() == before
    turn(first)
    gitlab.requests.clear()
    with pytest.raises(StoppedError):
        first.service._poll.run()
    assert list(gitlab.requests) == []
    second.poll()
    turn(first)
    assert first.recent("acme/app") == 1
    assert same(first, second)


def test_a_leader_whose_connection_broke_leads_again(
    world: World, url: str, replica: StartReplica, clock: FakeClock
) -> None:
    app = add_app(world)
    first, second = replica(), replica()
    turn(first, second)
    first.poll()
    beginnings = begun(first)
    clock.advance(minutes=1)
    cut_every_connection(url)
    turn(first, second)
    assert leaders(first, second) == [1, 0]
    assert [(one.earliest, round(one.poll, 2)) for one in beginnings] == [(0, 235)]
    deploy(world, app, ago=30)
    assert first.poll()
    turn(second)
    assert second.recent("acme/app") == 1


def test_polls_that_still_run_keep_a_replica_from_leading_again(
    url: str, replica: StartReplica
) -> None:
    first = replica()
    turn(first)
    with patch.object(first.service, "_schedule") as schedule:
        schedule.shut_down.return_value = False
        cut_every_connection(url)
        turn(first, first)
        assert leaders(first) == [0]
        schedule.shut_down.return_value = True
        turn(first)
        assert leaders(first) == [1]


def test_in_the_background_one_takes_over_from_the_other(
    world: World, gitlab: SimulatedGitLab, url: str
) -> None:
    add_app(world)
    settings = Settings.model_validate(
        {
            "gitlab": {"url": gitlab.url, "token": DEFAULT_TOKEN, "max_requests_per_second": 1000},
            "groups": ["acme"],
            "poll": {"interval": "1h"},
            "store": {"url": url},
        }
    )
    with (
        Service(settings, settings.gitlab.token_source()) as first,
        Service(settings, settings.gitlab.token_source()) as second,
    ):
        first.start()
        wait_until(lambda: first.view.polled_at is not None)
        second.start()
        wait_until(lambda: second.view.polled_at == first.view.polled_at)
        assert (first.replica.leads, second.replica.leads) == (True, False)
        asked = len(gitlab.requests)
        assert first.close()
        wait_until(lambda: second.replica.leads)
        assert second.close()
        assert len(gitlab.requests) == asked  # nothing was due


# Events.


def test_an_event_that_reaches_a_follower_is_dealt_with_by_the_leader(
    world: World, replica: StartReplica, clock: FakeClock
) -> None:
    app = add_app(world)
    first, second = replica(), replica()
    turn(first, second)
    first.poll()
    polls, events = Events(first), Events(second, scheduling=False)
    turn(second)
    clock.advance(minutes=1)
    deployed = deploy(world, app)
    clock.advance(seconds=1)
    assert events.send(project=app.project.id, deployment=deployed.id) == "accepted"
    turn(second, first)
    assert polls.poll()
    turn(second)
    assert first.recent("acme/app") == second.recent("acme/app") == 1
    assert same(first, second)
    turn(first)
    assert first.service.store.events.waiting() == {}
    turn(first)
    assert not polls.poll()


def test_an_event_outlives_the_leader(
    world: World, url: str, replica: StartReplica, clock: FakeClock
) -> None:
    app = add_app(world)
    first, second = replica(), replica()
    turn(first, second)
    first.poll()
    clock.advance(minutes=1)
    deployed = deploy(world, app)
    clock.advance(seconds=1)
    Events(first).send(project=app.project.id, deployment=deployed.id)
    turn(first)
    cut_every_connection(url)
    turn(second)
    assert leaders(second) == [1]
    polls = Events(second)
    turn(second)
    assert polls.poll()
    assert second.recent("acme/app") == 1


def test_events_that_cannot_be_passed_on_are_kept(replica: StartReplica, url: str) -> None:
    replica()
    with Store.open(url) as store:
        relay = Relay(store.events, FakeClock())
        relay.add(1, deployment_id=2, environment="production")
        with (
            patch.object(store.events, "tell", side_effect=StoreError),
            pytest.raises(StoreError),
        ):
            relay.send()
        assert store.events.waiting() == {}
        relay.send()
        assert store.events.waiting().keys() == {Told(1, 2, "production")}
        relay.send()


def test_a_flood_of_one_project_is_bounded(replica: StartReplica, url: str) -> None:
    replica()
    with Store.open(url) as store:
        relay = Relay(store.events, FakeClock())
        for number in range(1, 10 * MOST_DEPLOYMENTS):
            relay.add(1, deployment_id=number, environment="production")
        relay.send()
        told = store.events.waiting().keys()
        assert Told(1, None, None) in told
        assert len(told) <= MOST_DEPLOYMENTS


def test_a_failed_poll_of_events_is_tried_again_before_they_are_forgotten(
    replica: StartReplica, url: str
) -> None:
    replica()
    clock = FakeClock()
    with Store.open(url) as store:
        named = NamedProjects(lambda _: None, set, clock=clock, spacing=180)
        relay = Relay(store.events, clock)
        relay.add(1, deployment_id=2, environment="production")
        relay.send()
        for _ in range(5):
            relay.deliver(named)
            assert store.events.waiting()
            named.poll()
        relay.deliver(named)
        assert store.events.waiting() == {}
