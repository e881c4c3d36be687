"""The exporter's pages on a loopback port, and a client that keeps its connection."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import uvicorn
from starlette.types import ASGIApp

_PATIENCE = 10.0


@contextmanager
def served(app: ASGIApp) -> Iterator[int]:
    """Serve an application from a thread; yield its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        until = time.monotonic() + _PATIENCE
        while not server.started:
            assert time.monotonic() < until, "the server does not start"
            time.sleep(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


class JsonClient:
    """Gets JSON over one connection."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def get(self, path: str, **parameters: str) -> Any:
        """Return what a path answers, which must be 200."""
        self._connection.request("GET", f"{path}?{urlencode(parameters)}")
        response = self._connection.getresponse()
        body = response.read()
        assert response.status == 200, body
        return json.loads(body)

    def close(self) -> None:
        """Close the connection; the next request opens one again."""
        self._connection.close()


@contextmanager
def client_of(app: ASGIApp) -> Iterator[JsonClient]:
    """Serve an application; yield a client of it."""
    with served(app) as port, closing(JsonClient(port)) as client:
        yield client
