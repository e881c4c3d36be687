"""Clients that send slowly, or only connect, stop nobody else."""

import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from anyio import Event
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from exporter.web.connection import FILES, Limits, let_open_files
from exporter.web.server import ListenAddress, listen, new_server
from tests.waiting import wait_until

PIECE = 1 << 18
MUCH = 64 * PIECE
GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    try:
        body = await Request(scope, receive).body()
    except ClientDisconnect:
        return
    answer: Response = PlainTextResponse(str(len(body)))
    if scope["path"] == "/never":
        await Event().wait()
    if scope["path"] == "/much":
        answer = StreamingResponse(b"x" * PIECE for _ in range(MUCH // PIECE))
    await answer(scope, receive, send)


@contextmanager
def _serving(limits: Limits) -> Iterator[int]:
    listener, address = listen(ListenAddress("127.0.0.1", 0))
    server = new_server(_app, limits=limits)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield address.port
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


@pytest.fixture
def port() -> Iterator[int]:
    with _serving(Limits(request_seconds=0.5, connections=20)) as port:
        yield port


def _connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20)


def _all(connection: socket.socket) -> bytes:
    answer = b""
    try:
        while part := connection.recv(1 << 16):
            answer += part
    except ConnectionError:
        pass
    return answer


def _dribble(connection: socket.socket, piece: bytes, stop: threading.Event) -> None:
    try:
        while not stop.wait(0.05):
            connection.sendall(piece)
    except OSError:
        return


@pytest.mark.parametrize(
    ("begin", "piece", "answer"),
    [
        (b"", b"", b"HTTP/1.1 408 "),
        (b"GET / HTTP/1.1\r\n", b"X-A: b\r\n", b"HTTP/1.1 408 "),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", b"a", b""),
        (GET.replace(b"close", b"keep-alive"), b"G", b"HTTP/1.1 200 "),
    ],
    ids=["nothing", "headers", "body", "second request"],
)
def test_a_request_that_does_not_arrive_is_ended(
    port: int, begin: bytes, piece: bytes, answer: bytes
) -> None:
    stop = threading.Event()
    with _connect(port) as connection:
        connection.sendall(begin)
        dribble = threading.Thread(target=_dribble, args=(connection, piece, stop), daemon=True)
        dribble.start()
        try:
            assert _all(connection)[: len(answer)] == answer  # and it ends
        finally:
            stop.set()
            dribble.join(20)


def test_idle_connections_make_room() -> None:
    with _serving(Limits(request_seconds=1000, connections=20)) as port, ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(_connect(port))
        for _ in range(3):
            with _connect(port) as connection:
                connection.sendall(GET)
                assert _all(connection).startswith(b"HTTP/1.1 200 ")


def _answers(port: int) -> bool:
    with _connect(port) as connection:
        try:
            connection.sendall(GET)
        except ConnectionError:
            return False
        return _all(connection).startswith(b"HTTP/1.1 200 ")


def _ask_for_much(port: int, room: int = 4096) -> socket.socket:
    """Ask for an answer that is more than the system keeps, and take nothing of it yet."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", port))
    connection.sendall(GET.replace(b"/ ", b"/much "))
    return connection


def test_an_answer_that_is_not_taken_is_cut_off() -> None:
    with _serving(Limits(answer_seconds=0.5)) as port, _ask_for_much(port) as connection:
        assert connection.recv(8) == b"HTTP/1.1"
        time.sleep(1)  # no event tells a client that it is about to be cut off
        assert len(_all(connection)) < MUCH


def test_a_slow_answer_that_is_taken_is_whole() -> None:
    """It takes longer as a whole than each piece may."""
    limits = Limits(answer_seconds=0.5)
    with _serving(limits) as port, _ask_for_much(port, PIECE) as connection:
        taken = pauses = 0
        while part := connection.recv(PIECE):
            taken += len(part)
            if taken > pauses * MUCH / 10:
                pauses += 1
                time.sleep(0.1)
        assert taken > MUCH
        assert pauses >= 10


def test_clients_that_take_no_answer_make_room() -> None:
    with _serving(Limits(answer_seconds=1000, connections=5)) as port, ExitStack() as stack:
        for _ in range(5):
            one = stack.enter_context(_ask_for_much(port))
            assert one.recv(8) == b"HTTP/1.1"
        # The server notices a little later that nothing is taken.
        for _ in range(3):
            wait_until(lambda: _answers(port), 20)


def test_clients_that_wait_for_an_answer_make_room() -> None:
    with _serving(Limits(connections=5)) as port, ExitStack() as stack:
        for _ in range(50):
            one = stack.enter_context(_connect(port))
            one.sendall(GET.replace(b"/ ", b"/never "))
        for _ in range(3):
            wait_until(lambda: _answers(port), 20)


@pytest.mark.parametrize(
    ("soft", "hard", "then"), [(256, 9999, FILES), (256, 1000, 1000), (5000, 9999, 5000)]
)
def test_as_many_files_may_be_opened_as_are_needed(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, then: int
) -> None:
    now = [(soft, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: now[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: now.append(limits))
    let_open_files()
    assert now[-1] == (then, hard)


def test_a_whole_request_is_answered_with_its_body(port: int) -> None:
    with _connect(port) as connection:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\n"
        connection.sendall(head + b"12")
        connection.sendall(b"345")
        assert _all(connection).endswith(b"\r\n\r\n5")


def test_headers_without_end_are_refused(port: int) -> None:
    with _connect(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000)
        assert _all(connection)[:13] in {b"HTTP/1.1 400 ", b""}
