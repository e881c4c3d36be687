"""Floods of events on the real process: no memory, no polls, and scrapes go on."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.generator import generate
from tests.waiting import wait_until
from tests.webhook.flood import Body, Flood
from tests.webhook.listening_process import Listening, listening_to
from tests.webhook.payloads import SECRET, content, headers

MOST_MB = 25.0
"""That a flood may add: what is remembered, and connections with what came over them."""

FLOODS: dict[str, tuple[Body, str, set[int]]] = {
    "distinct": (lambda n: content(deployment=10**9 + n, environment=f"e{n}"), SECRET, {202}),
    "replays": (lambda _: content(), SECRET, {200, 202}),
    "strangers": (lambda _: content(), "wrong", {401}),
    "malformed": (lambda _: b"{", SECRET, {400}),
    "out of scope": (lambda n: content(project=10**6 + n), SECRET, {200}),
    "large": (lambda n: content(deployment=2 * 10**9 + n, ref="x" * 60_000), SECRET, {202}),
    "of other kinds": (lambda _: content(object_kind="push"), SECRET, {200}),
}

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def gitlab() -> Iterator[SimulatedGitLab]:
    world = World()
    generate(world, seed=1, days=30)
    with SimulatedGitLab(world) as gitlab:
        yield gitlab


@pytest.fixture(scope="module")
def listening(
    gitlab: SimulatedGitLab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listening]:
    with listening_to(gitlab, tmp_path_factory.mktemp("flood"), spacing="1h") as listening:
        yield listening


@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_costs_next_to_nothing(listening: Listening, kind: str) -> None:
    """One poll at most for all, in the first spacing; the log stays short."""
    body, token, expected = FLOODS[kind]
    memory, lines = listening.memory(), len(listening.process.errors)
    with requests.Session() as session, Flood(listening.url, body, token) as flood:
        for _ in range(20):
            listening.scrape(session)
    assert set(flood.statuses) <= expected
    assert flood.statuses.total() >= 100
    assert listening.memory() - memory < MOST_MB
    polls = [line for line in listening.process.errors[lines:] if "poll finished" in line]
    assert len(polls) <= 1
    assert SECRET not in "".join(listening.process.errors)
    told = [line for line in listening.process.errors[lines:] if "was refused" in line]
    assert len(told) <= 1


def test_nothing_is_kept_of_a_body_that_a_stranger_sends(listening: Listening) -> None:
    """The answer comes before the body ends, and the connection serves on after it."""
    parts = urlsplit(listening.url)
    head = "\r\n".join(f"{name}: {value}" for name, value in headers("wrong").items())
    memory = listening.memory()
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as peer:
        peer.sendall(f"POST /webhook HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
        peer.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        assert _until(peer, b"Unauthorized").startswith(b"HTTP/1.1 401 ")
        for _ in range(200):
            peer.sendall(b"40000\r\n" + b"x" * 0x40000 + b"\r\n")
        peer.sendall(b"0\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 200 " in _until(peer, b"healthy\n")
    assert listening.memory() - memory < MOST_MB


def _until(peer: socket.socket, end: bytes) -> bytes:
    """Return what comes, up to some words."""
    received = b""
    while end not in received:
        piece = peer.recv(4096)
        assert piece, received
        received += piece
    return received


def test_many_spacings_are_as_many_polls(gitlab: SimulatedGitLab, tmp_path: Path) -> None:
    """The process ends in time though events still come."""
    with listening_to(gitlab, tmp_path, spacing="1s") as listening:
        lines = len(listening.process.errors)

        def polls() -> int:
            return sum("poll finished" in line for line in listening.process.errors[lines:])

        body, token, _ = FLOODS["distinct"]
        with requests.Session() as session, Flood(listening.url, body, token):
            wait_until(lambda: polls() >= 3)
            seconds = listening.scrape(session)
        assert seconds < 60
        assert listening.process.end(signal.SIGTERM, 10) == 0
        listening.process.close()
        assert "Traceback" not in "".join(listening.process.errors)
