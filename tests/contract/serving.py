"""The exporter on a port, over a simulated GitLab, with its clock standing still."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from socket import AF_INET, IPPROTO_TCP, SOCK_STREAM, socket
from threading import Event, Thread
from typing import Any, NamedTuple

import uvicorn
from starlette.types import ASGIApp

from exporter.clock import SystemClock
from exporter.config import Settings
from exporter.instant import Instant, from_datetime
from exporter.service import Service
from exporter.simulator import DEFAULT_TOKEN
from tests.contract.world import NOW


class Answer(NamedTuple):
    """An answer as it came; the names of the headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class StandingClock(SystemClock):
    """The wall clock stands; only what waits for a request's turn goes on."""

    def __init__(self, now: datetime) -> None:
        self._now = from_datetime(now)

    def now(self) -> Instant:
        """Return the moment at which it stands."""
        return self._now


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()


@contextmanager
def exporter_at(
    gitlab: str, folder: Path, *, now: datetime = NOW, **sections: Mapping[str, Any] | str
) -> Iterator[str]:
    """Run the exporter for the group ``acme`` of a GitLab; yield its host and port.

    Args:
        gitlab: where GitLab is.
        folder: for the store.
        now: where its clock stands.
        sections: settings other than the default ones.
    """
    settings = Settings.model_validate(
        {
            "gitlab": {"url": gitlab, "token": DEFAULT_TOKEN, "max_requests_per_second": 1000},
            "groups": [{"path": "acme"}],
            "store": {"url": f"sqlite:///{folder / 'dora.db'}"},
            **sections,
        }
    )
    with Service(settings, settings.gitlab.token_source(), clock=StandingClock(now)) as service:
        assert service.poll()
        with _served(service.app()) as address:
            yield address


def ask(
    address: str, target: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> Answer:
    """Send a request literally: no client touches path, query or headers."""
    connection = HTTPConnection(address, timeout=30)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return Answer(
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )
    finally:
        connection.close()


@contextmanager
def _served(app: ASGIApp) -> Iterator[str]:
    # asyncio turns Nagle's delay off only where the protocol is named.
    with socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        server = _Server(
            uvicorn.Config(
                app,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        thread = Thread(target=server.run, args=([listener],), name="exporter", daemon=True)
        thread.start()
        assert server.ready.wait(30)
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
