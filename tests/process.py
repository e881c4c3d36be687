"""The command ``gitlab-dora-exporter`` as a process of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO

import requests

from tests.waiting import wait_until

COMMAND = Path(sys.executable).parent / "gitlab-dora-exporter"
ANY_PORT = ("--web.listen-address", "127.0.0.1:0")


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the tests without the exporter's own variables."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("GITLAB", "CI_"))
    }
    return {**kept, "NO_PROXY": "*", **given}


def run(
    *arguments: str | Path, folder: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder until it ends by itself."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env=environment(environ or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Running:
    """A running exporter: what it wrote so far, and where it serves."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output: list[str] = []
        self.errors: list[str] = []
        self._news: Queue[str] = Queue()
        assert process.stdout
        assert process.stderr
        self._readers = [
            Thread(target=self._read, args=(process.stdout, self.output)),
            Thread(target=self._read, args=(process.stderr, self.errors)),
        ]
        for reader in self._readers:
            reader.start()

    def wait_for(self, pattern: str, seconds: float = 100) -> re.Match[str]:
        """Return where a line matches that is written from now on, or was not looked at before."""
        while True:
            try:
                line = self._news.get(timeout=seconds)
            except Empty:
                raise AssertionError(f"no {pattern!r} in {self.output + self.errors}") from None
            if found := re.search(pattern, line):
                return found

    def url(self) -> str:
        """Return where it serves, once it does."""
        return "http://" + self.wait_for(r"listening on (127\.0\.0\.1:[0-9]+)")[1]

    def get(self, url: str, **headers: str) -> requests.Response:
        """Return the answer to a request."""
        return requests.get(url, headers=headers, timeout=30)

    def wait_until_ready(self, url: str, seconds: float = 100) -> None:
        """Wait until the first poll is shown."""
        wait_until(lambda: self.get(f"{url}/-/ready").status_code == 200, seconds)

    def end(self, number: signal.Signals, seconds: float) -> int:
        """Send a signal; return the exit code, which must come within some seconds."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def close(self) -> None:
        """Kill it if it still runs, and read what it wrote to the end."""
        self.process.kill()
        for reader in self._readers:
            reader.join()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()

    def _read(self, stream: IO[str], lines: list[str]) -> None:
        for line in stream:
            lines.append(line)
            self._news.put(line)


@contextmanager
def started(
    arguments: Sequence[str | Path],
    *,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    under: Sequence[str | Path] = (),
) -> Iterator[Running]:
    """Start the command in a folder, maybe under another one; kill it in the end."""
    process = subprocess.Popen(
        [*under, COMMAND, *arguments],
        cwd=folder,
        env=environment(environ or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = Running(process)
    try:
        yield running
    finally:
        running.close()
