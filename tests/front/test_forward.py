"""What the front passes on, and back, over real connections."""

import socket
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse, IncompleteRead

import pytest

from exporter.front.app import front_app
from exporter.front.board import Board
from exporter.front.forward import Forward
from exporter.front.messages import KEY_HEADER
from tests.bench.served import served
from tests.front.conftest import KEY, Pages


def ask(port: int, target: str, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, target, headers=headers)
        response = connection.getresponse()
        return response, response.read()


def raw(port: int, request: bytes) -> bytes:
    """Send bytes and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
        return received


@pytest.mark.parametrize(
    "target",
    [
        "/api/v4/projects/group%2Fsub%2fapp/dora/metrics?metric=a&metric=b&x=%20+%26",
        "/%2e%2e/a/../b//c/",
        "/%ff%00?%ff=&&=",
        "/a?b?c#d"[:6],
        "/@other.example/",
        "//other.example/x",
    ],
)
def test_a_target_comes_through_to_the_letter(pages: Pages, target: str) -> None:
    raw(pages.port, f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    path, _, query = target.partition("?")
    assert pages.last["target"] == f"{path}?{query}".encode()


@pytest.mark.parametrize(
    "target", ["http://other.example/x", "@127.0.0.1:1/", "other.example:443", "*", "x"]
)
def test_what_is_no_path_is_not_passed_on(pages: Pages, target: str) -> None:
    """Behind our own address it could become the name of another host."""
    request = f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    answer = raw(pages.port, request.encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert pages.asked == []


def test_headers_come_through_but_for_those_of_the_connection(pages: Pages) -> None:
    raw(
        pages.port,
        b"GET / HTTP/1.1\r\nHost: dora.example.com\r\nAccept: text/plain\r\nAccept: text/html\r\n"
        b"PRIVATE-TOKEN: glpat-x\r\nX-Umlaut: \xc3\xa4\r\nTE: trailers\r\nX-Own: 1\r\n"
        b"Connection: close, x-own, host\r\n\r\n",
    )
    assert pages.last["headers"] == [
        ("host", "dora.example.com"),
        ("accept", "text/plain"),
        ("accept", "text/html"),
        ("private-token", "glpat-x"),
        ("x-umlaut", "ä"),
        (KEY_HEADER, KEY),
    ]


def test_a_caller_cannot_show_a_key_of_its_own(pages: Pages) -> None:
    ask(pages.port, "/", **{KEY_HEADER: "guessed", KEY_HEADER.upper(): "again"})
    shown = [value for name, value in pages.last["headers"] if name == KEY_HEADER]
    assert shown == [KEY]


@pytest.mark.parametrize("value", [b"\xff", b"\x01", b"a\x1fb", b"\x7f"])
def test_a_header_that_is_no_text_is_refused(pages: Pages, value: bytes) -> None:
    head = b"GET / HTTP/1.1\r\nHost: h\r\nX: " + value + b"\r\nConnection: close\r\n\r\n"
    answer = raw(pages.port, head)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b'{"error":"400 Bad Request"}')
    assert pages.asked == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_body_comes_through(pages: Pages, method: str) -> None:
    body = bytes(range(256)) * 1000
    with closing(HTTPConnection("127.0.0.1", pages.port, timeout=10)) as connection:
        connection.request(method, "/x", body, {"content-type": "application/json"})
        assert connection.getresponse().status == 200
    assert (pages.last["method"], pages.last["body"]) == (method, body)
    assert ("content-length", str(len(body))) in pages.last["headers"]


def test_a_body_of_unknown_length_comes_through(pages: Pages) -> None:
    with closing(HTTPConnection("127.0.0.1", pages.port, timeout=10)) as connection:
        connection.request("POST", "/x", iter([b"one ", b"two"]), encode_chunked=True)
        assert connection.getresponse().status == 200
    assert pages.last["body"] == b"one two"


def test_an_answer_may_come_before_the_body_did(pages: Pages) -> None:
    head = b"POST /unread HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nfirst"
    with socket.create_connection(("127.0.0.1", pages.port), timeout=10) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("header", ["Transfer-Encoding: chunked", "Content-Length: 9"])
def test_a_body_that_nobody_reads_is_not_waited_for(pages: Pages, method: str, header: str) -> None:
    head = f"{method} /x HTTP/1.1\r\nHost: h\r\n{header}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", pages.port), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    assert pages.last["body"] == b""


def test_status_headers_and_body_come_back(pages: Pages) -> None:
    answer, body = ask(pages.port, "/twice")
    assert (answer.status, body) == (418, b"{}")
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert len(answer.headers.get_all("date") or ()) <= 2


def test_what_is_compressed_stays_so(pages: Pages) -> None:
    answer, body = ask(pages.port, "/packed")
    assert answer.headers["content-encoding"] == "gzip"
    assert body == b"\x1f\x8bnot unpacked"


def test_head_is_answered_without_a_body(pages: Pages) -> None:
    answer, body = ask(pages.port, "/page", "HEAD")
    assert (answer.status, body) == (200, b"")
    assert answer.headers["content-length"] == str(len(b'{"path":"/page"}'))


def test_after_an_answer_without_a_body_the_connection_goes_on(pages: Pages) -> None:
    with closing(HTTPConnection("127.0.0.1", pages.port, timeout=10)) as connection:
        for method, expected in (("HEAD", b""), ("GET", b'{"path":"/page"}')) * 2:
            connection.request(method, "/page")
            response = connection.getresponse()
            assert (response.status, response.read()) == (200, expected)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_answer_that_breaks_off_does_not_look_whole(pages: Pages) -> None:
    with pytest.raises((IncompleteRead, ConnectionError)):
        ask(pages.port, "/broken")


def test_a_request_that_the_exporter_does_not_take_is_answered() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = free.getsockname()[1]
        with served(front_app(Board(), Forward(nobody, KEY))) as port:
            answer, body = ask(port, "/-/healthy")
    assert (answer.status, body) == (502, b'{"error":"502 Bad Gateway"}')
