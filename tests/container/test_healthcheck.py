"""The health check of the image, asked about servers of each kind."""

import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.container.recipe import CONTAINER
from tests.ports import free_port
from tests.webconfig.certificates import LOOPBACK, Authority, write


def check(port: int) -> int:
    script = CONTAINER / "healthcheck.py"
    # A proxy must have no part in it.
    environ = {"http_proxy": "http://192.0.2.1:1", "https_proxy": "http://192.0.2.1:1"}
    done = subprocess.run(
        [sys.executable, script, str(port)], env=environ, capture_output=True, check=False
    )
    assert (done.stdout, done.stderr) == (b"", b"")
    return done.returncode


@contextmanager
def answering(status: int, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
    assert set(asked) == {"/-/healthy"}


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """A certificate that nobody has a reason to trust."""
    write(tmp_path, "server", *Authority("servers").issue("server", *LOOPBACK))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    return context


@pytest.mark.parametrize(("status", "code"), [(200, 0), (401, 0), (500, 1), (404, 1)])
def test_over_http(status: int, code: int) -> None:
    with answering(status) as port:
        assert check(port) == code


@pytest.mark.parametrize(("status", "code"), [(200, 0), (401, 0), (503, 1)])
def test_over_tls(tls: ssl.SSLContext, status: int, code: int) -> None:
    with answering(status, tls) as port:
        assert check(port) == code


def test_nobody_at_home() -> None:
    assert check(free_port()) == 1


@pytest.mark.long
def test_somebody_who_says_nothing() -> None:
    """It gives up by itself, before Docker kills it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert check(listener.getsockname()[1]) == 1
