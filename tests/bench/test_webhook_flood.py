"""How long scrapes take while events come as fast as they are taken."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import monotonic, sleep

import pytest
import requests

from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.generator import generate
from tests.bench.load import percentile
from tests.webhook.flood import CONNECTIONS, Flood
from tests.webhook.listening_process import Listening, listening_to
from tests.webhook.payloads import SECRET, content

SECONDS = 10.0
ROUNDS = 4
"""A scrape may wait so many times until each connection of the flood has had an event answered."""

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Listening]:
    world = World()
    generate(world, seed=1, days=90)
    with SimulatedGitLab(world) as gitlab, listening_to(gitlab, tmp_path) as listening:
        yield listening


def _scrapes(listening: Listening) -> list[float]:
    found = []
    end = monotonic() + SECONDS
    with requests.Session() as session:
        while monotonic() < end:
            found.append(1e3 * listening.scrape(session))
            sleep(0.05)
    return sorted(found)


@pytest.mark.parametrize("token", [SECRET, "wrong"])
def test_scrapes_go_on_in_a_flood(
    listening: Listening, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    idle = _scrapes(listening)
    memory = listening.memory()
    begin = monotonic()
    with Flood(listening.url, lambda n: content(deployment=n + 1), token) as flood:
        busy = _scrapes(listening)
    rate = flood.statuses.total() / (monotonic() - begin)
    grown = listening.memory() - memory
    with capsys.disabled():
        print(  # noqa: T201 - the figures are the point
            f"\n{dict(flood.statuses)}, {rate:.0f} a second; memory {memory:.0f} MB {grown:+.1f}; "
            f"a scrape idle p50 {median(idle):.1f} ms, p99 {percentile(idle, 99):.1f} ms, "
            f"in the flood p50 {median(busy):.1f} ms, p99 {percentile(busy, 99):.1f} ms",
            end="",
        )
    assert median(busy) <= median(idle) + ROUNDS * 1e3 * CONNECTIONS / rate
