"""The front's pages: plain scrapes are its own to answer, all else is the exporter's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.front.board import Board
from exporter.front.forward import Forward
from exporter.metrics.formats import chosen_by
from exporter.web.scraping import SIDE_BY_SIDE, Asked, respond


def front_app(board: Board, forward: Forward) -> ASGIApp:
    """Return the ASGI application."""

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        async with forward:
            yield

    return Router(
        [Route("/metrics", _Metrics(board, forward))],
        redirect_slashes=False,
        default=forward,
        lifespan=lifespan,
    )


class _Metrics:
    """Answers scrapes that can be answered from what was handed over, and passes on the others."""

    def __init__(self, board: Board, forward: Forward) -> None:
        self._board = board
        self._forward = forward
        self._unpacking = CapacityLimiter(SIDE_BY_SIDE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        asked = Asked.by(request)
        answer = None
        if request.method in {"GET", "HEAD"} and not asked.names:
            answer = self._board.answer(chosen_by(asked.accept), gzip=asked.gzip)
        if answer is None:
            await self._forward(scope, receive, send)
            return
        response = respond(request, answer, self._unpacking, gzip=asked.gzip)
        await response(scope, receive, send)
