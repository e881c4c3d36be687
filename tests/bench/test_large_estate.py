"""An exporter on a large estate: how soon it is ready, what memory it keeps, what a poll takes.

The exporter and the simulated GitLab are processes of their own; all of the exporter's count.
"""

import sys
import time
from pathlib import Path

import pytest
import requests

from exporter.clock import SystemClock
from exporter.store import Store
from tests.bench.fleet import Fleet
from tests.bench.processes import (
    PATIENCE,
    counted,
    gitlab,
    polled_at,
    running,
    settled,
    write_config,
)
from tests.bench.spent import megabytes, peak_megabytes, processor_seconds
from tests.waiting import wait_until

PROJECTS = 5000
DAYS = 80
"""So that there are a million deployments."""

SEED = 7
NEW = 500

_SELDOM = 5
"""Seconds between questions whether the poll is over: their answers take processor time too."""

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3000)]


def test_a_million_deployments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet.make(projects=PROJECTS, days=DAYS, seed=SEED)
    end = SystemClock().now()
    store = Store.open(f"sqlite:///{tmp_path / 'dora.db'}")
    fleet.ending(end).fill(store)
    store.close()
    assert len(fleet.finished) == pytest.approx(1_000_000, rel=0.05)
    with gitlab(projects=PROJECTS, days=DAYS, seed=SEED, end=end) as instance:
        write_config(tmp_path, instance.url, interval="40s")
        with running(tmp_path) as exporter:
            began = polled_at(exporter)
            wait_until(lambda: polled_at(exporter) > began, PATIENCE, every=1)
            before = counted(exporter)

        began_at = time.monotonic()
        with running(tmp_path) as exporter:
            ready = f"{exporter.url}/-/ready"
            wait_until(
                lambda: requests.get(ready, timeout=60).status_code == 200, PATIENCE, every=1
            )
            restart = time.monotonic() - began_at

            pid = exporter.pid
            began = polled_at(exporter)
            wait_until(lambda: polled_at(exporter) > began, PATIENCE, every=_SELDOM)
            idle = settled(lambda: processor_seconds(pid))
            instance.deploy(NEW)
            wait_until(lambda: counted(exporter) >= before + NEW, PATIENCE, every=_SELDOM)
            poll = settled(lambda: processor_seconds(pid)) - idle
            assert counted(exporter) == before + NEW
            resident, shared = megabytes(pid, "Rss"), megabytes(pid, "Pss")
            peak = peak_megabytes(pid)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{PROJECTS} projects, {len(fleet.finished)} deployments: ready in {restart:.1f} s,"
            f" {resident:.0f} MB resident ({shared:.0f} MB shared once, {peak:.0f} MB at most),"
            f" poll with {NEW} new {poll:.1f} s of processor time\n"
        )
    assert restart <= 10
    assert resident <= 300
    assert poll <= 10
