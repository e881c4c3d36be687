"""An exporter's pages that tell what they were asked, and a front before them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.front.app import front_app
from exporter.front.board import Board
from exporter.front.forward import Forward
from tests.bench.served import served

KEY = "key-of-the-front"


@dataclass
class Pages:
    """Where the front serves, what it shows, and every request that came through to the pages."""

    port: int
    board: Board
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def last(self) -> dict[str, Any]:
        """The last request that came through."""
        return self.asked[-1]


def telling(asked: list[dict[str, Any]]) -> ASGIApp:
    """Return pages that note what they are asked."""

    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        asked.append(
            {
                "method": scope["method"],
                "target": scope["raw_path"] + b"?" + scope["query_string"],
                "headers": [(name.decode(), value.decode()) for name, value in scope["headers"]],
                "body": await request.body(),
            }
        )
        await _answer(request)(scope, receive, send)

    app = Starlette()
    app.router.default = tell
    app.router.routes.append(Route("/unread", _early, methods=["POST"]))
    return app


def _answer(request: Request) -> Response:
    path = request.url.path
    if path == "/twice":
        answer = JSONResponse({}, 418)
        answer.headers.append("set-cookie", "a=1")
        answer.headers.append("set-cookie", "b=2")
        return answer
    if path == "/packed":
        return Response(b"\x1f\x8bnot unpacked", headers={"content-encoding": "gzip"})
    if path == "/broken":
        return StreamingResponse(_broken(), headers={"content-length": "100"})
    return JSONResponse({"path": path})


async def _early(_: Request) -> Response:
    """Answer before the body came."""
    return JSONResponse({"error": "413"}, 413, {"connection": "close"})


async def _broken() -> Any:
    yield b"half"
    raise RuntimeError("the pages break off")


@pytest.fixture
def pages() -> Iterator[Pages]:
    asked: list[dict[str, Any]] = []
    with served(telling(asked)) as behind:
        board = Board()
        with served(front_app(board, Forward(behind, KEY))) as port:
            yield Pages(port, board, asked)
