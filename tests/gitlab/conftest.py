"""A simulated GitLab, servers that answer as told, and clients of both, all on one clock."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest

from exporter.gitlab import Budget, Client
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.gitlab.clock import LockstepClock
from tests.gitlab.server import Answering, ScriptedServer


@dataclass
class Clients:
    """Makes clients, and counts their requests by endpoint and code."""

    clock: LockstepClock
    stop: Event
    stack: ExitStack
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __call__(
        self, url: str, *, token: Callable[[], str] = lambda: DEFAULT_TOKEN, **options: Any
    ) -> Client:
        client = Client(
            url,
            token=token,
            clock=self.clock,
            stop=self.stop,
            budget=Budget(self.clock, self.stop, requests_per_second=1000),
            observer=self._count,
            **{"timeout": 5, **options},
        )
        self.stack.callback(client.close)
        return client

    def _count(self, endpoint: str, code: str) -> None:
        self.counted[endpoint, code] += 1


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def clock() -> LockstepClock:
    return LockstepClock()


@pytest.fixture
def stop() -> Event:
    return Event()


@pytest.fixture
def world(clock: LockstepClock) -> World:
    return World(clock.datetime)


@pytest.fixture
def gitlab(world: World) -> Iterator[SimulatedGitLab]:
    with SimulatedGitLab(world) as server:
        yield server


@pytest.fixture
def clients(clock: LockstepClock, stop: Event) -> Iterator[Clients]:
    with ExitStack() as stack:
        yield Clients(clock, stop, stack)


@pytest.fixture
def client(gitlab: SimulatedGitLab, clients: Clients) -> Client:
    """A client of the simulated GitLab."""
    return clients(gitlab.url)


@pytest.fixture
def serve() -> Iterator[Callable[[Answering], ScriptedServer]]:
    """Starts servers that answer as told."""
    with ExitStack() as stack:
        yield lambda answering: stack.enter_context(ScriptedServer(answering))
