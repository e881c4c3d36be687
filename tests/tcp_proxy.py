"""A way to a server on a Unix socket that can go dead, as a network does, or be cut."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Lock, Thread

_BYTES = 65536


class Proxy(ThreadingTCPServer):
    """Listens on 127.0.0.1 and passes on what both sides say."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: Path) -> None:
        self._target = target
        self._flows = Event()
        self._flows.set()
        self._lock = Lock()
        self._open: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), _Forwarding)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def hang(self) -> None:
        """Pass nothing on any more, and tell nobody."""
        self._flows.clear()

    def cut(self) -> None:
        """End all connections; new ones are passed on as before."""
        with self._lock:
            ended, self._open = self._open, []
        for one in ended:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._flows.set()

    def forward(self, client: socket.socket) -> None:
        """Connect a client with the server until either ends."""
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self._target))
            with self._lock:
                self._open += [client, server]
            answers = Thread(target=self._pump, args=(server, client), daemon=True)
            answers.start()
            self._pump(client, server)
            answers.join()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(_BYTES):
                self._flows.wait()
                target.sendall(content)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class _Forwarding(BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        self.server.forward(self.request)


@contextmanager
def proxy_to(target: Path) -> Iterator[Proxy]:
    """Run a proxy to a Unix socket."""
    with Proxy(target) as proxy:
        thread = Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.cut()
            proxy.shutdown()
            thread.join()
