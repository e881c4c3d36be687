"""The application called as uvicorn calls it, without a connection between."""

import re
import time
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from tests.fuzz.answered import Answered
from tests.fuzz.random_requests import RawRequest

_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"[\x21-\x7e]+")
_NAME = _METHOD
_VALUE = re.compile(rb"[\x09\x20-\x7e\x80-\xff]*")


def passes(request: RawRequest) -> bool:
    """Tell whether a server would hand the request on; if not, it is for the socket only."""
    return (
        _METHOD.fullmatch(request.method) is not None
        and _TARGET.fullmatch(request.target) is not None
        and all(_NAME.fullmatch(name) and _VALUE.fullmatch(text) for name, text in request.headers)
    )


async def call(app: ASGIApp, request: RawRequest) -> Answered:
    """Send one request."""
    raw_path, _, query = request.target.partition(b"?")
    given: list[tuple[bytes, bytes]] = [(b"host", b"localhost")]
    given += [(name.lower(), value.strip()) for name, value in request.headers]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method.decode(),
        "scheme": "http",
        "path": unquote(raw_path.decode()),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": given,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    before = time.monotonic()
    await app(scope, receive, send)
    return _answered(sent, time.monotonic() - before)


def _answered(sent: Sequence[Message], seconds: float) -> Answered:
    start, *parts = sent
    headers: Iterable[tuple[bytes, bytes]] = start["headers"]
    return Answered(
        start["status"],
        [(name.decode("latin-1").lower(), text.decode("latin-1")) for name, text in headers],
        b"".join(part.get("body", b"") for part in parts),
        seconds,
    )
