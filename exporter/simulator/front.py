"""What stands before the APIs: the request log, the rate limit and the faults."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from starlette.datastructures import Headers, QueryParams
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.simulator.access import token_value
from exporter.simulator.damage import damaged, dated, misread
from exporter.simulator.delivery import Reply, deliver, fault_reply
from exporter.simulator.faults import FaultBook
from exporter.simulator.rate_limit import RateLimiter
from exporter.simulator.world import World

CONTROL_PREFIX: Final = "/-/sim/"


@dataclass(frozen=True)
class RequestRecord:
    """A request that was made.

    Attributes:
        method: HTTP method.
        path: As sent, without the query.
        query: As sent, without the question mark.
        endpoint: Method and template, such as `GET /projects/:id/deployments`.
        status: What was answered; 0 for a connection reset without an answer.
        at: When it was answered, by the instance's clock.
        came: When it came, by the same.
        token: What the caller showed, empty if nothing.
    """

    method: str
    path: str
    query: str
    endpoint: str
    status: int
    at: datetime
    came: datetime
    token: str


class Front:
    """ASGI application around the APIs.

    Args:
        app: The APIs.
        world: The instance.
        faults: What goes wrong.
        requests: Where requests are noted, before they are answered.
        routes: The APIs' routes, whose names are endpoint templates.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        world: World,
        faults: FaultBook,
        requests: list[RequestRecord],
        routes: Sequence[Route],
    ) -> None:
        self._app = app
        self._world = world
        self._faults = faults
        self._requests = requests
        self._routes = routes
        self._limiter = RateLimiter(world)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # Routing on the decoded path would part `group%2Fproject` in two.
        scope["path"] = scope.get("raw_path", scope["path"].encode()).decode("ascii")
        if scope["path"].startswith(CONTROL_PREFIX):
            await self._app(scope, receive, send)
            return
        came = self._world.clock()
        body = await _read(receive)
        query = scope["query_string"].decode("ascii")
        token = token_value(Headers(scope=scope), QueryParams(query)) or ""
        headers, refusal = self._limiter.take(token)
        target = f"{scope['path']}?{query}" if query else scope["path"]
        fault = None if refusal else self._faults.pick(target)
        if refusal is not None:
            reply = refusal
        elif fault is not None and fault.kind == "status":
            reply = fault_reply(fault)
        else:
            answered = misread(query, fault).encode("ascii")
            reply = await self._answer({**scope, "query_string": answered}, body)
            reply = damaged(reply, fault) if fault else reply
        now = self._world.clock()
        self._requests.append(
            RequestRecord(
                scope["method"],
                scope["path"],
                query,
                f"{scope['method']} {_template(self._routes, scope)}",
                0 if fault and fault.kind == "reset" else reply.status,
                now,
                came,
                token,
            )
        )
        extra = {"date": format_datetime(dated(now, fault), usegmt=True), **headers}
        reply = Reply(reply.status, {**reply.headers, **extra}, reply.body)
        await deliver(reply, fault, scope, receive, send)

    async def _answer(self, scope: Scope, body: bytes) -> Reply:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        return _collected(sent)


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _collected(sent: Iterable[Message]) -> Reply:
    start, *parts = sent
    return Reply(
        start["status"],
        {name.decode("latin-1"): text.decode("latin-1") for name, text in start["headers"]},
        b"".join(part.get("body", b"") for part in parts),
    )


def _template(routes: Iterable[Route], scope: Scope) -> str:
    for route in routes:
        if route.matches(scope)[0] is not Match.NONE:
            return route.name
    path: str = scope["path"]
    return path
