"""A GitLab that says what a test tells it to, and notes what it was sent."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Line:
    """One scripted answer; a body that is no bytes is sent as JSON."""

    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """Return the body as sent."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class ScriptedGitLab:
    """The script, by path below ``/api/v4``, and the requests: paths with their headers."""

    url: str
    script: dict[str, Line] = field(default_factory=dict)
    received: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@contextmanager
def scripted_gitlab() -> Iterator[ScriptedGitLab]:
    """Run one on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            gitlab.received.append((self.path, headers))
            line = gitlab.script.get(
                self.path.removeprefix("/api/v4"), Line({"message": "404 Not Found"}, 404)
            )
            content = line.content()
            self.send_response(line.status)
            for name, value in line.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        gitlab = ScriptedGitLab(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield gitlab
        finally:
            server.shutdown()
            thread.join()
