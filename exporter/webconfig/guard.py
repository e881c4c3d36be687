"""What stands before all pages: the limit of requests, the headers, and the passwords."""

import base64
import binascii
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.webconfig.models import WebSettings
from exporter.webconfig.passwords import Passwords, Verdict
from exporter.webconfig.rate_limit import Bucket

_CHALLENGE = {"www-authenticate": 'Basic realm="gitlab-dora-exporter", charset="UTF-8"'}
_LATER = {"retry-after": "1"}


class Guard:
    """An ASGI application before another one."""

    def __init__(
        self,
        app: ASGIApp,
        settings: Callable[[], WebSettings],
        *,
        passwords: Passwords | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Guard an application.

        Args:
            app: answers what is let through.
            settings: gives the settings as they are at each request.
            passwords: compares passwords; with bcrypt if None.
            now: a clock for the limit of requests.
        """
        self._app = app
        self._settings = settings
        self._passwords = passwords or Passwords()
        self._now = now
        self._bucket = Bucket(settings().rate_limit, now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no other pages, and so no way around the passwords
            await send({"type": "websocket.close"})
            return
        settings = self._settings()
        headed = _with_headers(send, settings.http_server_config.headers)
        if settings.rate_limit != self._bucket.limit:
            self._bucket = Bucket(settings.rate_limit, self._now)
        if not self._bucket.take():
            await _answer(HTTPStatus.TOO_MANY_REQUESTS, _LATER)(scope, receive, headed)
            return
        if settings.basic_auth_users:
            verdict = await self._verdict(scope, settings.basic_auth_users)
            if verdict is Verdict.BUSY:
                await _answer(HTTPStatus.SERVICE_UNAVAILABLE, _LATER)(scope, receive, headed)
                return
            if verdict is Verdict.WRONG:
                await _answer(HTTPStatus.UNAUTHORIZED, _CHALLENGE)(scope, receive, headed)
                return
            scope = _without_password(scope)
        await self._app(scope, receive, headed)

    async def _verdict(self, scope: Scope, users: Mapping[str, str]) -> Verdict:
        credentials = _credentials(scope)
        if credentials is None:
            return Verdict.WRONG
        return await self._passwords.verify(users, *credentials)


def _credentials(scope: Scope) -> tuple[str, bytes] | None:
    """The user and the password that a request shows; None where it shows none."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, encoded = (given[0] if given else b"").partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (name.decode(), password) if colon else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _without_password(scope: Scope) -> Scope:
    """The same request for the pages, which have no use for the password."""
    headers = [pair for pair in scope["headers"] if pair[0] != b"authorization"]
    return {**scope, "headers": headers}


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers if headers else send


def _answer(status: HTTPStatus, headers: Mapping[str, str]) -> PlainTextResponse:
    return PlainTextResponse(f"{status.phrase}\n", status, headers)
