"""Very many, half-open and slow connections: a scrape comes through, and all is given back."""

import socket
import sqlite3
import ssl
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from exporter.simulator import DEFAULT_TOKEN
from tests.filling import filled
from tests.ports import free_port
from tests.process import ANY_PORT, Running, started
from tests.waiting import wait_until
from tests.webconfig.secured import FILES, Secured

PROJECTS = 250
SCRAPES = 12
MOST_RATIO = 30
"""How many times as long as alone a scrape may take; what is bounded here is not the machine."""


def fill(folder: Path) -> None:
    """Store projects enough for an exposition of megabytes."""
    now = datetime.now(UTC)
    with filled(folder, now) as filling:
        filling.scope({number: f"acme/app-{number}" for number in range(1, PROJECTS + 1)}, {})
        for number in range(1, PROJECTS + 1):
            environment = filling.environment(number)
            for hours in (1, 50):
                filling.deploy(environment, now - timedelta(hours=hours), [now - timedelta(days=3)])
        filling.poll()
    # As a discovery of the group would have; the next one finds no GitLab, and keeps it.
    with closing(sqlite3.connect(folder / "dora.db")) as connection, connection:
        connection.execute("UPDATE members SET source = 'group:acme'")


@contextmanager
def serving(folder: Path, *, tls: bool) -> Iterator[tuple[Running, str, int]]:
    """Run an exporter of a GitLab that is not there; give it, its URL and its port."""
    fill(folder)
    (folder / "config.yaml").write_text(
        f"gitlab: {{url: 'http://127.0.0.1:{free_port()}', timeout: 1s}}\n"
        "groups: [acme]\npoll: {interval: 1h}\napi: {auth: none}\nstore: {url: 'sqlite:///dora.db'}\n"
    )
    more: tuple[str, ...] = ()
    if tls:
        Secured.in_folder(folder).say(FILES)
        more = ("--web.config.file", "web.yml")
    with started(
        ["run", *ANY_PORT, *more], folder=folder, environ={"GITLAB_TOKEN": DEFAULT_TOKEN}
    ) as exporter:
        address = exporter.url().removeprefix("http://")
        exporter.wait_for("poll failed|discovery failed")
        scheme = "https" if tls else "http"
        yield exporter, f"{scheme}://{address}", int(address.rpartition(":")[2])


def processes(exporter: Running) -> list[int]:
    """Return the exporter and its front."""
    pid = exporter.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def held(exporter: Running) -> tuple[int, int]:
    """Return how many threads and handles both processes have."""
    threads = handles = 0
    for pid in processes(exporter):
        threads += len(list(Path(f"/proc/{pid}/task").iterdir()))
        handles += len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return threads, handles


def scrape(url: str, folder: Path) -> float:
    """Scrape once, as Prometheus does, over a new connection; return how many seconds it took."""
    began = time.perf_counter()
    verify = str(folder / "ca.crt") if url.startswith("https") else True
    answer = requests.get(
        f"{url}/metrics", headers={"Accept-Encoding": "gzip"}, timeout=60, verify=verify
    )
    assert answer.status_code == 200
    assert f"acme/app-{PROJECTS}" in answer.text
    return time.perf_counter() - began


def connect(port: int, room: int | None = None) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(20)
    if room is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    connection.connect(("127.0.0.1", port))
    return connection


def thousands(port: int, stack: ExitStack) -> None:
    """Open connections that ask for something small and stay."""
    for _ in range(2000):
        one = stack.enter_context(connect(port))
        with suppress(ConnectionError):
            one.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")


def half_requests(port: int, stack: ExitStack) -> None:
    """Begin requests."""
    for _ in range(600):
        one = stack.enter_context(connect(port))
        with suppress(ConnectionError):
            one.sendall(b"GET /metrics HTTP/1.1\r\nHost: x")


def slow_readers(port: int, stack: ExitStack) -> None:
    """Ask for megabytes and take nothing of them."""
    for _ in range(600):
        one = stack.enter_context(connect(port, 4096))
        with suppress(ConnectionError):
            one.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")


def hello() -> bytes:
    """Return what a TLS client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def half_handshakes(port: int, stack: ExitStack) -> None:
    """Begin TLS and say no more, some not even the whole first message."""
    first = hello()
    for number in range(500):
        one = stack.enter_context(connect(port))
        with suppress(ConnectionError):
            one.sendall(first[: len(first) // (1 + number % 2)])


CROWDS: dict[str, tuple[Callable[[int, ExitStack], None], bool]] = {
    "thousands": (thousands, False),
    "half requests": (half_requests, False),
    "slow readers": (slow_readers, False),
    "half handshakes": (half_handshakes, True),
}


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("crowd", CROWDS)
def test_scrapes_come_through_a_crowd_and_nothing_stays_of_it(
    tmp_path: Path, crowd: str, capsys: pytest.CaptureFixture[str]
) -> None:
    come, tls = CROWDS[crowd]
    with serving(tmp_path, tls=tls) as (exporter, url, port):
        alone = [scrape(url, tmp_path) for _ in range(SCRAPES)]
        wait_until(lambda: held(exporter) == held(exporter), 5)
        threads, handles = held(exporter)
        with ExitStack() as stack:
            come(port, stack)
            crowded = [scrape(url, tmp_path) for _ in range(SCRAPES)]
            most = held(exporter)
        # Keep-alive connections between the two processes end by themselves.
        wait_until(lambda: held(exporter)[1] <= handles + 5, 60)
        wait_until(lambda: held(exporter)[0] <= threads + 5, 60)
        after = [scrape(url, tmp_path) for _ in range(SCRAPES)]
        medians = [statistics.median(times) for times in (alone, crowded, after)]
        with capsys.disabled():
            print(  # noqa: T201 - the figures are the point
                f"\n{crowd}: a scrape takes {', '.join(f'{one * 1000:.1f}' for one in medians)} ms"
                f" before, during and after; threads, handles {threads, handles}, then {most}"
            )
    assert medians[1] <= MOST_RATIO * medians[0]
    assert medians[2] <= MOST_RATIO * medians[0]
    assert most[1] < 2000
    assert "Traceback" not in "".join(exporter.errors)
