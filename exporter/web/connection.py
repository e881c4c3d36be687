"""Connections that no slow client can hold for ever, nor many clients use up.

uvicorn limits how long a connection is idle between requests, and the size of the headers (64 KiB);
not how long a request may take to arrive, and not how many connections there are.
"""

import asyncio
import resource
from dataclasses import dataclass
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients get.

    Attributes:
        request_seconds: from the opening of a connection, or the first byte of a further request,
            to the last byte of the request.
        answer_seconds: for taking each piece of an answer that is more than the system keeps.
        connections: at a time.
    """

    request_seconds: float = 10.0
    answer_seconds: float = 60.0
    connections: int = 512


FILES = 4096
"""A connection that waits for the exporter's pages has one more between the two processes, and of
half-open handshakes nobody here knows."""


def let_open_files() -> None:
    """Let this process, and those that it starts, open as many files as connections may need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FILES:
        return
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class LimitedProtocol(H11Protocol):
    """Ends requests that do not arrive, and makes room for those that do."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Limits,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._deadline: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self.waiting_since = self.loop.time()
        self.asked_since = self.waiting_since
        self.stalled_since: float | None = None
        """Since when the client takes nothing of its answer, None while it does."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; another client may have to go for it."""
        super().connection_made(transport)
        self._expect()
        if len(self.connections) > self._limits.connections:
            goes = self._least_missed()
            self.connections.discard(goes)
            goes.transport.abort()

    def _least_missed(self) -> H11Protocol:
        """Return who made no request for longest, else who takes no answer, else who waits for one.

        The last is no scrape, unless there are as many of those: they are answered at once.
        """
        others = [
            one for one in self.connections if isinstance(one, LimitedProtocol) and one is not self
        ]
        waiting = {one: one.waiting_since for one in others if one.waits}
        stalled = {one: one.stalled_since for one in others if one.stalled_since is not None}
        some = waiting or stalled or {one: one.asked_since for one in others}
        return min(some, key=some.__getitem__, default=self)

    @property
    def waits(self) -> bool:
        """Whether nothing is being answered here."""
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._expect_nothing()
        self._go_on()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Wait for the client to take what was sent."""
        super().pause_writing()
        if self._stall is None:
            self.stalled_since = self.loop.time()
            self._stall = self.loop.call_later(self._limits.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Send on."""
        self._go_on()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take what came; the time for a request begins with its first byte."""
        waited = self.waits
        super().data_received(data)
        if waited and not self.waits:
            self.asked_since = self.loop.time()
        self._look()

    def on_response_complete(self) -> None:
        """Wait for the next request; some of it may be here already."""
        super().on_response_complete()
        self.waiting_since = self.loop.time()
        self._look()

    def _go_on(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = self.stalled_since = None

    def _look(self) -> None:
        state = self.conn.their_state
        begun = state is h11.IDLE and bool(self.conn.trailing_data[0])
        if self.transport.is_closing() or not (begun or state is h11.SEND_BODY):
            self._expect_nothing()
        elif self._deadline is None:
            self._expect()

    def _expect(self) -> None:
        self._deadline = self.loop.call_later(self._limits.request_seconds, self._give_up)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self.conn.our_state is h11.IDLE:
            self.transport.write(_TIMEOUT)
            self.transport.close()
        else:
            self.transport.abort()


def limited(limits: Limits) -> type[H11Protocol]:
    """Return the protocol that keeps to these limits, as uvicorn takes it."""

    class Protocol(LimitedProtocol):
        def __init__(
            self,
            config: uvicorn.Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(config, server_state, app_state, _loop, limits=limits)

    return Protocol
