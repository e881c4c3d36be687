"""The web configuration of a running exporter, which follows the changes of its files.

The files are small, and are read for each new connection and each request, so that a change counts
at once; nothing is made of them anew unless they hold something else. Belongs to one event loop.
"""

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Self

from starlette.types import ASGIApp

from exporter.config import ConfigError
from exporter.config.load import read_file
from exporter.webconfig.connection import Connection
from exporter.webconfig.context import MaterialError, build_context
from exporter.webconfig.guard import Guard
from exporter.webconfig.load import Loaded, load
from exporter.webconfig.material import Material
from exporter.webconfig.models import TlsSettings, WebSettings

log = logging.getLogger(__name__)


class WebConfig:
    """Gives a server its TLS, and the pages their guard."""

    def __init__(self, path: Path) -> None:
        """Read the file, and those that it names.

        Raises:
            ConfigError: if anything in them cannot be used.
        """
        self._path = path
        content = read_file(path)
        self._seen: bytes | str = content
        self._loaded = load(content, path)
        tls = self._loaded.settings.tls_server_config
        self._tls = _Tls(self._loaded, tls) if tls else None

    @property
    def settings(self) -> WebSettings:
        """The settings as they were read last."""
        return self._loaded.settings

    def current(self) -> WebSettings:
        """Return the settings as the file says now; a change that is broken counts for nothing."""
        seen: bytes | str
        try:
            seen = read_file(self._path)
        except ConfigError as error:
            seen = str(error)
        if seen != self._seen:
            self._seen = seen
            if isinstance(seen, bytes):
                self._take(seen)
            else:
                _refuse(seen)
        return self._loaded.settings

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return what to serve TLS with; None where the file asks for none."""
        if self._tls is None:
            log.info("TLS is off")
            return None
        log.info("TLS is on, for HTTP/1.1")
        return _FollowingContext(self._context)

    def guard(self, app: ASGIApp) -> ASGIApp:
        """Return an application that asks for passwords, where there are any, before this one."""
        return Guard(app, self.current)

    def _context(self) -> ssl.SSLContext:
        assert self._tls is not None  # noqa: S101 - whether there is TLS never changes
        self.current()
        return self._tls.current(self._loaded)

    def _take(self, content: bytes) -> None:
        try:
            loaded = load(content, self._path)
        except ConfigError as error:
            _refuse(*error.messages)
            return
        if loss := _loss(self._loaded.settings, loaded.settings):
            _refuse(f"{self._path}: {loss}")
            return
        self._loaded = loaded
        log.info("%s was read again", self._path)


class _Tls:
    """TLS as settings and files say, or said when they were last good."""

    def __init__(self, loaded: Loaded, tls: TlsSettings) -> None:
        self._seen = (tls, Material.read(tls, loaded.path.parent))
        self._context = _built(loaded, *self._seen)

    def current(self, loaded: Loaded) -> ssl.SSLContext:
        tls = loaded.settings.tls_server_config
        if tls is not None:
            seen = (tls, Material.read(tls, loaded.path.parent))
            if seen != self._seen:
                self._seen = seen
                self._renew(loaded)
        return self._context

    def _renew(self, loaded: Loaded) -> None:
        try:
            self._context = _built(loaded, *self._seen)
        except ConfigError as error:
            _refuse(*error.messages)
        else:
            log.info("new connections are served with the changed certificate or settings")


class _FollowingContext(ssl.SSLContext):
    """A context that serves each new connection with the one that is current then.

    asyncio holds on to the context that it was given, and most of a context cannot be changed for
    those who come later, such as the authorities of clients.
    """

    _current: Callable[[], ssl.SSLContext]

    def __new__(cls, current: Callable[[], ssl.SSLContext]) -> Self:
        self = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        self._current = current
        return self

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a connection."""
        begun = self._current().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        if isinstance(begun, Connection):
            begun.outgoing = outgoing
        return begun


def _built(loaded: Loaded, tls: TlsSettings, material: Material) -> ssl.SSLContext:
    try:
        return build_context(tls, material)
    except MaterialError as error:
        raise loaded.refusal(error.text, error.key) from None
    except (OSError, ValueError) as error:  # an OpenSSL that lacks what is asked for
        raise loaded.refusal(f"TLS cannot be served like that: {error}") from None


def _loss(before: WebSettings, after: WebSettings) -> str | None:
    """Why a change needs a restart: a file that is just being written may look empty."""
    if (before.tls_server_config is None) != (after.tls_server_config is None):
        return "tls_server_config: TLS is switched on and off by a restart only"
    if before.basic_auth_users and not after.basic_auth_users:
        return "basic_auth_users: the last user is taken away by a restart only"
    return None


def _refuse(*messages: str) -> None:
    for message in messages:
        log.error("a change is refused, what was good before stays: %s", message)
