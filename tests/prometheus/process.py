"""Running a server of the Prometheus family until a test is done with it."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.waiting import wait_until


@contextmanager
def running(command: Sequence[str], address: str, log: Path) -> Iterator[None]:
    """Start a server and wait until it is ready at ``host:port``; end it afterwards."""
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            wait_until(lambda: process.poll() is not None or _ready(address))
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()
            process.wait(30)


def _ready(address: str) -> bool:
    try:
        return requests.get(f"http://{address}/-/ready", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False
