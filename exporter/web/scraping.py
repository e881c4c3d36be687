"""A scrape over HTTP: which one is asked for, and the answer, whole or in pieces."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from prometheus_client.exposition import gzip_accepted
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from exporter.metrics.answer import Answer

SIDE_BY_SIDE = 4
"""Scrapes rendered side by side, in threads of their own: no caller of the API holds one up."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a scraper asks for: ``names`` are the samples wanted, all if empty."""

    accept: str
    gzip: bool
    names: list[str]

    @classmethod
    def by(cls, request: Request) -> "Asked":
        """Read a request."""
        return cls(
            request.headers.get("accept", ""),
            gzip_accepted(request.headers.get("accept-encoding", "")),
            request.query_params.getlist("name[]"),
        )


def respond(request: Request, answer: Answer, limiter: CapacityLimiter, *, gzip: bool) -> Response:
    """Return the response; pieces are made in threads of ``limiter``."""
    headers = {
        "content-type": answer.content_type,
        "content-length": str(answer.size),
        "vary": "Accept, Accept-Encoding",
    }
    if gzip:
        headers["content-encoding"] = "gzip"
    if isinstance(answer.body, bytes):
        return Response(answer.body, headers=headers)
    if request.method == "HEAD":
        return Response(headers=headers)
    return StreamingResponse(_unpacked(answer.body, limiter), headers=headers)


async def _unpacked(pieces: Iterator[bytes], limiter: CapacityLimiter) -> AsyncIterator[bytes]:
    """Give the pieces, each made in another thread once the scraper has taken the one before."""
    while (piece := await run_sync(next, pieces, None, limiter=limiter)) is not None:
        yield piece
