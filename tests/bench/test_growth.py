"""Processor time and memory of the exporter's process, by the size of the estate."""

import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.clock import SystemClock
from tests.bench.processes import PATIENCE, gitlab, polled_at, running, settled, write_config
from tests.bench.spent import peak_megabytes, processor_seconds
from tests.waiting import wait_until

SIZES = (250, 1000, 4000)

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3000)]


def cost(folder: Path, projects: int) -> tuple[float, float, float]:
    """Return the processor time of a first poll and of an idle one, and the most memory.

    The first poll includes the start of the process, which it runs beside.
    """
    folder.mkdir()
    end = SystemClock().now()
    with gitlab(projects=projects, days=20, seed=7, end=end) as instance:
        write_config(folder, instance.url, interval="30s")
        with running(folder) as exporter:
            pid = exporter.pid

            def spent(reached: Callable[[], bool]) -> float:
                wait_until(reached, PATIENCE, every=1)
                return settled(lambda: processor_seconds(pid))

            first = spent(lambda: not math.isnan(polled_at(exporter)))
            began = polled_at(exporter)
            idle = spent(lambda: polled_at(exporter) > began)
            return first, idle - first, peak_megabytes(pid)


def test_processor_time_and_memory_grow_no_faster_than_the_estate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    costs = {}
    for projects in SIZES:
        costs[projects] = cost(tmp_path / str(projects), projects)
        first, idle, memory = costs[projects]
        with capsys.disabled():
            sys.stdout.write(
                f"\n{projects:5} projects: first poll {first:.1f} s of processor time,"
                f" idle poll {idle:.2f} s, {memory:.0f} MB at most\n"
            )
    for small, large in zip(costs[SIZES[0]], costs[SIZES[-1]], strict=True):
        assert large / small <= SIZES[-1] / SIZES[0]
