"""Passing a request on to the exporter's own pages, and their answer back, untouched."""

import logging
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Self

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import AsyncIterablePayload
from multidict import CIMultiDict
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from yarl import URL

from exporter.front.messages import IDLE_SECONDS, KEY_HEADER, LOOPBACK

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 10.0

_CONNECTION = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers of one connection, which are not for the next (RFC 9110, 7.6.1)."""

_KEPT = frozenset({"host", "content-length"})
"""Headers that no caller can have left out by naming them in Connection."""

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
"""No page reads the body of such a request, so none is waited for."""

_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that the client would add where the caller sent none."""


class _Body(AsyncIterablePayload):
    """A body that comes as it likes: what is before it goes on at once, for that may be refused."""

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        writer.send_headers()
        await super().write_with_length(writer, content_length)


class Forward:
    """Passes requests on to the exporter's pages."""

    def __init__(self, port: int, key: str) -> None:
        """Pass on to a port of the loopback interface, with the key that it wants to see."""
        self._port = port
        self._key = key
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Begin, in the loop that serves."""
        self._session = ClientSession(
            auto_decompress=False,
            skip_auto_headers=_NOT_ADDED,
            # An answer may take as long as it takes; the caller decides when to give up.
            timeout=ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            connector=TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the exporter does."""
        if self._session is None:
            raise RuntimeError("not begun")
        if not scope["raw_path"].startswith(b"/"):
            # A URL or an authority: put behind our own, it could name another host.
            await _refuse(404, scope, receive, send)
            return
        try:
            headers = self._headers(scope)
        except ValueError:
            await _refuse(400, scope, receive, send)
            return
        request = Request(scope, receive)
        began = False
        try:
            async with self._session.request(
                request.method,
                self._url(scope),
                headers=headers,
                data=_Body(request.stream()) if _has_body(request) else None,
                allow_redirects=False,
            ) as answer:
                began = True
                await send(
                    {
                        "type": "http.response.start",
                        "status": answer.status,
                        "headers": _passed_back(answer.raw_headers),
                    }
                )
                async for piece in answer.content.iter_any():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body"})
        except ClientDisconnect:
            return
        except (ClientError, TimeoutError, OSError) as error:
            log.warning("the exporter does not answer a request: %s", type(error).__name__)
            if began:
                raise  # so that the connection ends, and no cut answer passes for a whole one
            await _refuse(502, scope, receive, send)

    def _url(self, scope: Scope) -> URL:
        return URL.build(
            scheme="http",
            host=LOOPBACK,
            port=self._port,
            path=scope["raw_path"].decode("ascii"),
            query_string=scope["query_string"].decode("ascii"),
            encoded=True,
        )

    def _headers(self, scope: Scope) -> CIMultiDict[str]:
        """Return the headers to pass on.

        Raises:
            ValueError: if one is no text, or has characters that may not be sent (RFC 9110, 5.5).
        """
        pairs = [(name.decode("ascii"), value.decode("utf-8")) for name, value in scope["headers"]]
        if any(_FORBIDDEN.search(value) for _, value in pairs):
            raise ValueError("control characters in a header")
        left_out = {KEY_HEADER, *_CONNECTION}
        if scope["method"] in _BODILESS:
            left_out.add("content-length")
        for name, value in pairs:
            if name == "connection":
                left_out |= {one.strip().lower() for one in value.split(",")} - _KEPT
        headers = CIMultiDict((name, value) for name, value in pairs if name not in left_out)
        headers[KEY_HEADER] = self._key
        return headers


def _has_body(request: Request) -> bool:
    headers = request.headers
    if request.method in _BODILESS:
        return False
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def _passed_back(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [
        (name.lower(), value)
        for name, value in headers
        if name.lower().decode("latin-1") not in _CONNECTION
    ]


async def _refuse(status: int, scope: Scope, receive: Receive, send: Send) -> None:
    words = f"{status} {HTTPStatus(status).phrase}"
    await JSONResponse({"error": words}, status)(scope, receive, send)
