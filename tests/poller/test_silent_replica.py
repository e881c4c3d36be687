"""The replica that polls says that it lives as long as it does, and else polls no more."""

from threading import Event
from unittest.mock import patch

import pytest
from sqlalchemy import make_url

from exporter.gitlab import StoppedError
from exporter.simulator import SimulatedGitLab, World
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import add_app, deploy
from tests.poller.test_replica import leaders, same, turn
from tests.postgres import Server, postgres
from tests.tcp_proxy import Proxy, proxy_to
from tests.waiting import wait_until

__all__ = ["postgres"]

POLLS = {"interval": "2s", "freshness": "2s"}


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.create_database()


def through(proxy: Proxy, url: str) -> str:
    """The URL of a database by way of a proxy."""
    parts = make_url(url).set(host="127.0.0.1", port=proxy.port, query={})
    return parts.render_as_string(hide_password=False)


def takes_over(exporter: DrivenExporter) -> bool:
    """Let a replica take a turn, and return whether it leads then."""
    turn(exporter)
    return exporter.service.replica.leads


@pytest.mark.usefixtures("gitlab")
def test_who_the_network_cuts_off_asks_gitlab_nothing_more(
    world: World, postgres: Server, url: str, start: StartExporter, clock: FakeClock
) -> None:
    app = add_app(world)
    with proxy_to(postgres.directory / ".s.PGSQL.5432") as proxy:
        first = start(store={"url": through(proxy, url)}, poll=POLLS)
        second = start(store={"url": url}, poll=POLLS)
        turn(first, second)
        first.poll()
        clock.advance(minutes=5)
        deploy(world, app, ago=60)
        proxy.hang()
        wait_until(lambda: takes_over(second))
        proxy.cut()
        before = first.service.status.view().requests
        with pytest.raises(StoppedError):
            first.service._poll.run()
        assert first.service.status.view().requests == before
        assert second.poll()
        turn(first)
        assert leaders(first, second) == [0, 1]
        assert first.recent("acme/app") == 1
        assert same(first, second)


def test_a_long_turn_costs_nobody_the_lead(
    gitlab: SimulatedGitLab, world: World, url: str, start: StartExporter
) -> None:
    """As where much is to be shown."""
    add_app(world)
    first, second = (start(store={"url": url}, poll={"interval": "1s"}) for _ in range(2))
    rhythm = second.service.store.rhythm
    ended = Event()
    asked: list[bool] = []

    def asked_often() -> bool:
        asked.append(second.service.store.leadership.hold())
        return len(asked) > 2 * rhythm.silence / rhythm.turn

    assert first.service.store.leadership.hold()
    with patch.object(first.service.replica, "turn", side_effect=ended.wait):
        first.service.start()
        try:
            wait_until(asked_often, every=rhythm.turn)
        finally:
            ended.set()
            first.service.stop.set()
    assert not any(asked)
    assert list(gitlab.requests) == []
