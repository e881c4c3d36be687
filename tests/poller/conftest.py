"""A simulated GitLab and exporters that poll it, all on one clock that tests move."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.simulator import SimulatedGitLab, World
from tests.clock import FakeClock
from tests.poller.driven_exporter import DrivenExporter, settings_for

StartExporter = Callable[..., DrivenExporter]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def world(clock: FakeClock) -> World:
    return World(clock)


@pytest.fixture
def gitlab(world: World) -> Iterator[SimulatedGitLab]:
    with SimulatedGitLab(world) as server:
        yield server


@pytest.fixture
def start(gitlab: SimulatedGitLab, clock: FakeClock, tmp_path: Path) -> Iterator[StartExporter]:
    """Start exporters; each argument is a section of the configuration, ``database`` its file."""
    started: list[DrivenExporter] = []

    def start_one(*, database: str = "dora.db", **changes: Any) -> DrivenExporter:
        path = tmp_path / database
        exporter = DrivenExporter(settings_for(gitlab.url, path, changes), clock, path)
        started.append(exporter)
        return exporter

    yield start_one
    for exporter in started:
        exporter.close()


@pytest.fixture
def exporter(start: StartExporter) -> DrivenExporter:
    """An exporter for the group ``acme`` that has not polled yet."""
    return start()
