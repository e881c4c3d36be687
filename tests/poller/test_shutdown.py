"""SIGTERM to the real process."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exporter.simulator import Fault, SimulatedGitLab, World
from exporter.simulator.generator import bulk
from tests.crash.real_exporter import assert_whole, running, write_config
from tests.crash.tripwire import Tripwire

IN_TIME = 10.0
"""Seconds that the exporter has to end."""

REQUESTS = 6 + 6 + 6 * 40
"""Of a first poll, about."""


@pytest.fixture
def tripwire() -> Tripwire:
    return Tripwire()


@pytest.fixture
def gitlab(tripwire: Tripwire) -> Iterator[SimulatedGitLab]:
    world = World()
    end = datetime.now(UTC) - timedelta(hours=1)
    bulk(world, seed=1, projects=6, deployments_per_project=40, days=30, end=end)
    world.features.graphql_deployment_merge_requests = False  # so that there are many requests
    gitlab = SimulatedGitLab(world)
    gitlab.requests = tripwire
    with gitlab:
        yield gitlab


@pytest.fixture
def folder(tmp_path: Path, gitlab: SimulatedGitLab) -> Path:
    write_config(tmp_path, gitlab.url, lead_time={"first_deployment": "exclude"})
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("acme", "bulk"), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "number", [12, *(pytest.param(one, marks=pytest.mark.long) for one in (1, REQUESTS // 2))]
)
def test_sigterm_in_the_first_poll_ends_it_in_time_and_leaves_the_store_whole(
    folder: Path, tripwire: Tripwire, number: int
) -> None:
    with running(folder) as exporter:
        tripwire.arm(number, lambda: None)
        exporter.url()
        assert tripwire.sprung.wait(60)
        assert exporter.end(signal.SIGTERM, IN_TIME) == 0
        assert len(tripwire) < REQUESTS
    assert_whole(folder)


@pytest.mark.parametrize(
    "endpoint",
    [
        "/deployments[?]",
        pytest.param("/groups", marks=pytest.mark.long),
        pytest.param("/merge_requests", marks=pytest.mark.long),
    ],
)
def test_sigterm_ends_it_in_time_though_gitlab_hangs(
    folder: Path, gitlab: SimulatedGitLab, tripwire: Tripwire, endpoint: str
) -> None:
    gitlab.faults.add(Fault("timeout", endpoint, delay=60))
    with running(folder) as exporter:
        exporter.url()
        tripwire.arm(1, lambda: None)
        assert tripwire.sprung.wait(60)
        assert exporter.end(signal.SIGTERM, IN_TIME) == 0
    assert_whole(folder)


def test_sigterm_between_two_polls_ends_it_in_time(folder: Path) -> None:
    config = folder / "config.yaml"
    text = config.read_text(encoding="utf-8").replace("interval: 1s", "interval: 1h")
    config.write_text(text, encoding="utf-8")
    with running(folder) as exporter:
        exporter.wait_until_ready(exporter.url())
        assert exporter.end(signal.SIGTERM, IN_TIME) == 0
        exporter.close()
        assert not [
            line for line in exporter.errors if "level=warning" in line and "api.auth" not in line
        ]
    assert_whole(folder)
