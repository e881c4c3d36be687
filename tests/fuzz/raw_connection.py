"""A connection that sends any bytes at all; the clients there are would refuse most of them."""

import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.fuzz.answered import PATIENCE, Answered
from tests.fuzz.random_requests import RawRequest

_LONG = 16_000
"""Bytes of a request that a server need not read to the end."""


class RawConnection:
    """One connection after another to a port of the loopback interface, each kept while it can be.

    A context manager.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._received = b""
        self.connections = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._hang_up()

    def send(self, request: RawRequest) -> Answered:
        """Send one request and read its answer.

        Raises:
            TimeoutError: if nothing comes in time.
            EOFError: if the connection ends before the answer does.
        """
        content = request.content(b"127.0.0.1")
        before = time.monotonic()
        try:
            answered = self._exchange(content, request, before)
        except (EOFError, ConnectionError):
            # The server may have ended an idle connection at that very moment.
            self._hang_up()
            try:
                answered = self._exchange(content, request, before)
            except ConnectionError:
                # It hung up on a request that it had not read to the end, and its refusal is lost.
                if len(content) < _LONG:
                    raise
                self._hang_up()
                return Answered(400, [], b"", time.monotonic() - before)
        closes = "close" in answered.fields.get("connection", "").lower()
        if request.unframed or closes or self._received:
            self._hang_up()
        return answered

    def _exchange(self, content: bytes, request: RawRequest, before: float) -> Answered:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), PATIENCE)
            self.connections += 1
        # A server may answer and hang up before it has read everything.
        with suppress(ConnectionError):
            self._socket.sendall(content)
        head = self._until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ", 2)[1])
        headers = [
            (name.strip().lower(), value.strip())
            for name, _, value in (line.partition(":") for line in lines[1:] if line)
        ]
        body = self._body(request, status, dict(headers))
        return Answered(status, headers, body, time.monotonic() - before)

    def _body(self, request: RawRequest, status: int, headers: dict[str, str]) -> bytes:
        if request.method == b"HEAD" or status in {204, 304}:
            return b""
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._until(b"\r\n").strip(), 16):
                body += self._exactly(size)
                self._exactly(2)
            self._until(b"\r\n")
            return body
        body = self._received
        while part := self._read():
            body += part
        self._received = b""
        self._hang_up()
        return body

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._received:
            self._more()
        head, _, self._received = self._received.partition(mark)
        return head

    def _exactly(self, size: int) -> bytes:
        while len(self._received) < size:
            self._more()
        body, self._received = self._received[:size], self._received[size:]
        return body

    def _more(self) -> None:
        part = self._read()
        if not part:
            raise EOFError("the connection ended")
        self._received += part

    def _read(self) -> bytes:
        return self._socket.recv(1 << 16) if self._socket else b""

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._received = b""
