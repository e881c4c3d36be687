"""Sends events as fast as they are taken: many on a connection before the first answer is read."""

import re
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Self
from urllib.parse import urlsplit

from tests.webhook.payloads import headers

CONNECTIONS = 16
AT_ONCE = 50

Body = Callable[[int], bytes]
"""The body of an event, by its number."""


def request(body: bytes, token: str) -> bytes:
    """Return a whole request."""
    lines = [f"{name}: {value}" for name, value in headers(token).items()]
    head = "\r\n".join(["POST /webhook HTTP/1.1", "Host: x", *lines])
    return f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Flood:
    """A flood of events from several connections, while it is entered."""

    url: str
    body: Body
    token: str
    statuses: Counter[int] = field(default_factory=Counter)
    errors: list[Exception] = field(default_factory=list)
    _end: Event = field(default_factory=Event)
    _threads: list[Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [Thread(target=self._send, args=(number,)) for number in range(CONNECTIONS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    def _send(self, connection: int) -> None:
        parts = urlsplit(self.url)
        counted: Counter[int] = Counter()
        number = connection
        try:
            with socket.create_connection((parts.hostname, parts.port), timeout=60) as peer:
                while not self._end.is_set():
                    numbers = range(number, number + AT_ONCE * CONNECTIONS, CONNECTIONS)
                    number = numbers.stop
                    peer.sendall(b"".join(request(self.body(one), self.token) for one in numbers))
                    self._receive(peer, counted)
        except Exception as error:  # noqa: BLE001 - raised again in the test's own thread
            self.errors.append(error)
        self.statuses.update(counted)

    @staticmethod
    def _receive(peer: socket.socket, counted: Counter[int]) -> None:
        received = b""
        while received.count(b"}") < AT_ONCE:  # one ends each answer
            piece = peer.recv(65536)
            if not piece:
                raise EOFError(received)
            received += piece
        counted.update(int(one) for one in re.findall(rb"HTTP/1.1 (\d{3})", received))
