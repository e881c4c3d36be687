"""Listening: uvicorn on the given address, in the main thread until a signal ends it."""

import re
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING, Self

import uvicorn
from starlette.types import ASGIApp

from exporter.web.connection import Limits, limited

if TYPE_CHECKING:  # the front loads it only where it is wanted
    from exporter.webconfig import WebConfig

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]\s]*)):(?P<port>[0-9]{1,5})")

GRACE_SECONDS = 3
"""How long open requests may take after the signal to end."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Host and port; an empty host means all interfaces."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``host:port``, ``:port`` or ``[v6]:port``, as Prometheus programs take it.

        Raises:
            ValueError: if it is none of these.
        """
        match = _ADDRESS.fullmatch(text)
        if match is None or int(match["port"]) > 65535:
            raise ValueError(f"{text!r} is no address; write host:port, :port or [v6]:port")
        return cls(match["six"] or match["host"] or "", int(match["port"]))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class ListenError(Exception):
    """The address cannot be listened on; the message says why."""


def listen(address: ListenAddress) -> tuple[socket.socket, ListenAddress]:
    """Take the address, before anything else is begun.

    Returns:
        The socket, and the address with the port it got where 0 asked for any.

    Raises:
        ListenError: if the port is taken, or the host is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # asyncio turns Nagle's delay off only where the protocol is named.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Exporters are scraped from elsewhere.
        listener.bind((address.host or "0.0.0.0", address.port))  # noqa: S104
        listener.listen()  # a program with SO_REUSEADDR may still have taken the port
    except (OSError, UnicodeError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise ListenError(f"cannot listen on {address}: {reason}") from None
    return listener, replace(address, port=listener.getsockname()[1])


def new_server(
    app: ASGIApp,
    web_config: "WebConfig | None" = None,
    *,
    idle_seconds: int = 5,
    dated: bool = True,
    limits: Limits | None = None,
) -> uvicorn.Server:
    """Return a server that is not started yet.

    Args:
        app: what it serves.
        web_config: says how connections are secured, and who may make requests; without it
            everyone may.
        idle_seconds: how long a connection stays open without a request.
        dated: whether answers tell the time.
        limits: of clients' time and number.
    """
    context = web_config.ssl_context() if web_config else None
    return uvicorn.Server(
        uvicorn.Config(
            web_config.guard(app) if web_config else app,
            ssl_context_factory=(lambda _config, _default: context) if context else None,
            # h11, whatever else is installed beside it
            http=limited(limits or Limits()),
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=dated,
            timeout_keep_alive=idle_seconds,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )


def serve(
    server: uvicorn.Server, listener: socket.socket, stop: Event, *, begin: Callable[[], None]
) -> None:
    """Serve until SIGTERM or SIGINT, which also sets ``stop``; call it from the main thread.

    ``begin`` is called when the signals are heard and before requests are.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        server.should_exit = True

    # uvicorn has its own handlers while it runs, and raises the signal again for these afterwards.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    begin()
    server.run([listener])
