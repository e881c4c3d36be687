"""The simulated GitLab on a port of the loopback interface."""

import asyncio
import logging
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from exporter.simulator.app import create_app
from exporter.simulator.delivery import TRANSPORT
from exporter.simulator.faults import FaultBook
from exporter.simulator.front import RequestRecord
from exporter.simulator.world import World


class SimulatedGitLab:
    """A running instance; a context manager.

    Args:
        world: What the instance holds; it may be changed while it is served.
        port: Port on 127.0.0.1, 0 for any free one.
        tls: Files of a certificate and its key (PEM); plain HTTP when None.

    Attributes:
        world: What the instance holds.
        faults: What goes wrong.
        requests: The requests so far; clear it to forget them.
    """

    def __init__(
        self, world: World, port: int = 0, *, tls: tuple[Path, Path] | None = None
    ) -> None:
        self.world = world
        self.faults = FaultBook()
        self.requests: list[RequestRecord] = []
        self._port = port
        self._tls = tls
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it answers, such as `http://127.0.0.1:8080`; known once it runs."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Bind the port and serve from a thread.

        Raises:
            OSError: When the port is taken.
        """
        # asyncio turns Nagle's delay off only where the protocol is named.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self._port))
        except OSError:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        app = create_app(self.world, faults=self.faults, requests=self.requests)
        certificate, key = self._tls or (None, None)
        server = _Server(
            uvicorn.Config(
                app,
                http=_Protocol,
                ssl_certfile=certificate,
                ssl_keyfile=key,
                ws="none",
                lifespan="off",
                log_config=None,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        thread = threading.Thread(
            target=server.run, args=([listener],), name="simulated-gitlab", daemon=True
        )
        thread.start()
        server.ready.wait()
        self._server, self._thread = server, thread
        return self

    def stop(self) -> None:
        """End it and free the port; does nothing when it does not run."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        # A caller may keep a connection open for ever, which TLS would wait for.
        for connection in list(self.server_state.connections):
            transport = connection.transport
            if isinstance(transport, asyncio.Transport):
                transport.abort()
        await asyncio.sleep(0.01)


class _Protocol(H11Protocol):
    """Hands the connection to the application, which must be able to cut it.

    It logs apart from uvicorn: another server may run in the same process.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = logging.getLogger(__name__)
        self.access_log = False
        inner: Any = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[TRANSPORT] = self.transport
            await inner(scope, receive, send)

        self.app = app
