"""The exporter's side of the front: starting it, handing over what it shows, watching it."""

import hmac
import logging
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

import exporter
from exporter.front.messages import KEY_HEADER, Begin
from exporter.metrics.deflated import Deflated
from exporter.metrics.rendered import Rendered

log = logging.getLogger(__name__)

LIVE_SECONDS = 1.0
"""How often what changes all the time is handed over."""

_PATIENCE = 5.0
"""Seconds that the front gets to take what is handed over."""

_END_SECONDS = 5.0


class FrontError(Exception):
    """The front cannot be started; the message says why."""


class Front:
    """The running front; safe to use from several threads."""

    def __init__(
        self,
        listener: socket.socket,
        *,
        log_level: str,
        log_format: str,
        web_config_file: Path | None = None,
    ) -> None:
        """Start it; it serves nothing before :meth:`begin`.

        Args:
            listener: the socket that it listens on; also the exporter keeps it.
            log_level: of its log, which goes where the exporter's goes.
            log_format: likewise.
            web_config_file: says how connections are secured, and who may make requests.

        Raises:
            FrontError: if the machine starts no process.
        """
        self._key = secrets.token_urlsafe(32)
        self._handing = Lock()
        self._ended = Event()
        self._texts: Mapping[str, Deflated] | None = None
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the exporter itself
                    [
                        *(sys.executable, "-P", "-m", "exporter.front"),
                        *("--listener", str(listener.fileno())),
                        *("--channel", str(theirs.fileno())),
                        *("--log.level", log_level),
                        *("--log.format", log_format),
                        *(("--web.config.file", web_config_file) if web_config_file else ()),
                    ],
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    pass_fds=(listener.fileno(), theirs.fileno()),
                    process_group=0,  # Ctrl-C is for the exporter
                )
            except OSError as error:
                ours.close()
                raise FrontError(f"cannot start the process that serves: {error}") from None
        self._channel = Connection(ours.detach())

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    def guard(self, app: ASGIApp) -> ASGIApp:
        """Return the exporter's pages as they answer nobody but the front."""
        key = self._key.encode()

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                shown = dict(scope["headers"]).get(KEY_HEADER.encode(), b"")
                if not hmac.compare_digest(shown, key):
                    await JSONResponse({"error": "404 Not Found"}, 404)(scope, receive, send)
                    return
            await app(scope, receive, send)

        return guarded

    def begin(self, port: int) -> None:
        """Have it serve from now on, the exporter's pages being on a port of the loopback."""
        with self._handing:
            self._hand_over(Begin(port, self._key))

    def show(self, rendered: Rendered) -> None:
        """Have it show this; returns when it does."""
        with self._handing:
            same = self._texts is not None and all(
                self._texts.get(name) is text for name, text in rendered.texts.items()
            )
            self._hand_over(Rendered({}, rendered.live) if same else rendered)
            self._texts = rendered.texts

    def keep_showing(self, publish: Callable[[], object], stop: Event) -> None:
        """Have what changes all the time handed over, in the background, until the exporter stops.

        Then the front stops too: it answers what was asked before, and takes no more requests.
        """

        def show() -> None:
            while not stop.wait(LIVE_SECONDS):
                publish()
            self._end()

        Thread(target=show, name="front", daemon=True).start()

    def watch(self, died: Callable[[], object]) -> None:
        """Have ``died`` called, in the background, should the front end by itself."""

        def wait() -> None:
            code = self._process.wait()
            if not self._ended.is_set():
                log.error("the process that serves ended with %d", code)
                died()

        Thread(target=wait, name="front-watch", daemon=True).start()

    def close(self) -> None:
        """End it: open requests get some seconds to be answered."""
        self._end()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def _end(self) -> None:
        self._ended.set()
        with self._handing:
            self._channel.close()

    def _hand_over(self, message: object) -> None:
        if self._ended.is_set():
            return
        # That it died is for its watcher to tell.
        with suppress(EOFError, OSError):
            self._channel.send(message)
            if self._channel.poll(_PATIENCE):
                self._channel.recv()
            else:
                log.warning("the process that serves is slow to take the news")


def _environment() -> dict[str, str]:
    """Return an environment in which the front is found where this exporter is, without tokens."""
    here = str(Path(exporter.__file__).parents[1])
    before = os.environ.get("PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GITLAB_")}
    return {**kept, "PYTHONPATH": os.pathsep.join([here, before] if before else [here])}
