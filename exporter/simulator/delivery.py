"""How an answer goes over the wire, whole or cut by a fault."""

import asyncio
import json
import socket
import struct
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from exporter.simulator.faults import Fault

TRANSPORT: Final = "simulator.transport"

HTML: Final = b"<!DOCTYPE html><html><body><h1>GitLab is not responding</h1></body></html>"
_SLOW_PIECES: Final = 10


@dataclass(frozen=True)
class Reply:
    """A complete answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def fault_reply(fault: Fault) -> Reply:
    """Make the answer of a `status` fault, shaped as GitLab or the proxy before it would."""
    headers = {"content-type": "application/json"}
    if fault.status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["content-type"], body = "text/plain", b"Retry later\n"
    elif fault.status > HTTPStatus.INTERNAL_SERVER_ERROR:
        headers["content-type"], body = "text/html", HTML
    else:
        phrase = HTTPStatus(fault.status).phrase
        body = json.dumps({"message": f"{fault.status} {phrase}"}).encode()
    if fault.retry_after is not None:
        headers["retry-after"] = str(fault.retry_after)
    return Reply(fault.status, headers, body)


async def deliver(
    reply: Reply, fault: Fault | None, scope: Scope, receive: Receive, send: Send
) -> None:
    """Send an answer, with what a fault does to the connection.

    Raises:
        RuntimeError: When the connection must be cut but the server does not give access to it.
    """
    kind = fault.kind if fault else None
    if kind == "reset":
        await _reset(scope, receive)
    elif kind == "cut":
        await _cut(reply, scope, receive, send)
    elif fault is not None and kind == "timeout":
        if await _still_connected(receive, fault.delay):
            await _send(reply, send)
    elif fault is not None and kind == "slow":
        await _send_slowly(reply, fault.delay, receive, send)
    else:
        await _send(reply, send)


async def _send(reply: Reply, send: Send) -> None:
    await send(_start(reply, len(reply.body)))
    await send({"type": "http.response.body", "body": reply.body})


async def _send_slowly(reply: Reply, seconds: float, receive: Receive, send: Send) -> None:
    await send(_start(reply, len(reply.body)))
    step = max(1, -(-len(reply.body) // _SLOW_PIECES))
    for at in range(0, len(reply.body), step):
        if not await _still_connected(receive, seconds / _SLOW_PIECES):
            return
        piece = reply.body[at : at + step]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _reset(scope: Scope, receive: Receive) -> None:
    transport = _transport(scope)
    # Closing with a linger time of zero sends RST instead of FIN.
    transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    transport.abort()
    await _gone(receive)


async def _cut(reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
    transport = _transport(scope)
    half = reply.body[: len(reply.body) // 2]
    await send(_start(reply, len(reply.body) + 1))
    await send({"type": "http.response.body", "body": half, "more_body": True})
    transport.close()
    await _gone(receive)


async def _still_connected(receive: Receive, seconds: float) -> bool:
    """Wait, but not for a caller who has hung up."""
    try:
        async with asyncio.timeout(seconds):
            await _gone(receive)
    except TimeoutError:
        return True
    return False


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _start(reply: Reply, length: int) -> Message:
    headers = {**reply.headers, "content-length": str(length)}
    return {
        "type": "http.response.start",
        "status": reply.status,
        "headers": [
            (name.encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()
        ],
    }


def _transport(scope: Scope) -> asyncio.Transport:
    transport = scope.get(TRANSPORT)
    if not isinstance(transport, asyncio.Transport):
        raise RuntimeError("this server gives no access to its connections")  # noqa: TRY004
    return transport
