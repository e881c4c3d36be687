"""Killed at very many moments of first and later polls, the exporter knows all, and nothing twice.

The exporters are forked, so that a restart takes milliseconds; a kill leaves of each what the
system has of its files, and no more.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.generator import generate
from tests.crash.real_exporter import Dump, assert_whole, read_store, write_config
from tests.poller.estate import deploy
from tests.process import environment

KILLS = 500
DATABASES = 20
EACH = KILLS // DATABASES
LONGEST = 0.5
SEED = 20261128


@dataclass
class Forking:
    """Begins exporters, one after the other."""

    process: "subprocess.Popen[str]"

    def _tell(self, line: str) -> int:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())

    def killed(self, folder: Path, seconds: float) -> int:
        """Let an exporter run for some seconds, and kill it; return how it ended."""
        pid = self._tell(f"again {folder}")
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        return self._answer()

    def completed(self, folder: Path) -> int:
        """Let an exporter complete a poll; return how it ended."""
        self._tell(f"once {folder}")
        return self._answer()


@contextmanager
def forking(folder: Path) -> Iterator[Forking]:
    errors = (folder / "errors").open("w")
    with (
        errors,
        subprocess.Popen(
            [sys.executable, "-m", "tests.crash.forking"],
            env=environment({"PYTHONPATH": os.getcwd(), "OPENBLAS_NUM_THREADS": "1"}),  # noqa: PTH109
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        yield Forking(process)
        assert process.stdin
        process.stdin.close()


def told_by(world: World) -> tuple[set[int], set[tuple[int, int]]]:
    """Return the successful deployments of a GitLab, and their merge requests."""
    successes = [one for one in world.deployments.values() if one.status == "success"]
    return {one.id for one in successes}, {
        (one.id, change.iid) for one in successes for change in world.linked_merge_requests(one)
    }


def assert_all_once(stored: Dump, world: World) -> None:
    """Check that a store holds each fact of a GitLab, counted once."""
    deployments, links = told_by(world)
    assert Counter(row[0] for row in stored["deployments"]) == Counter(deployments)
    assert Counter(row[:2] for row in stored["deployment_merge_requests"]) == Counter(links)
    counted = sum(row[-1] for row in stored["counters"] if row[0] == "project")
    assert counted == len(deployments)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_500_kills_at_random_moments_lose_nothing_and_double_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(SEED)
    began = time.monotonic()
    found: Counter[str] = Counter()
    with forking(tmp_path) as exporters:
        for number in range(DATABASES):
            folder = tmp_path / f"{number}"
            folder.mkdir()
            world = World()
            world.features.graphql_deployment_merge_requests = number % 2 == 0
            world.features.graphql = number % 5 != 4
            end = datetime.now(UTC) - timedelta(days=1)
            generate(world, seed=SEED + number, projects=3, days=20, end=end)
            with SimulatedGitLab(world) as gitlab:
                write_config(folder, gitlab.url, poll={"freshness": "1s"})
                kill_again_and_again(exporters, folder, world, rng, found)
                assert exporters.completed(folder) == 0
            assert_whole(folder)
            assert_all_once(read_store(folder), world)
    with capsys.disabled():
        print(f"\n{KILLS} kills in {time.monotonic() - began:.0f} s, {dict(found)}")  # noqa: T201
    assert (tmp_path / "errors").read_text() == ""
    assert found["before the first poll was complete"] > KILLS / 10
    assert found["in later polls"] > KILLS / 10


def kill_again_and_again(
    exporters: Forking, folder: Path, world: World, rng: random.Random, found: Counter[str]
) -> None:
    """Kill exporters on one database while deployments go on."""
    environments = list(world.environments.values())
    for number in range(EACH):
        if number == EACH // 2:
            assert exporters.completed(folder) == 0
        assert exporters.killed(folder, rng.uniform(0, LONGEST)) == -signal.SIGKILL
        exists = (folder / "dora.db").exists()
        found[progress(folder) if exists else "before there was a database"] += 1
        for environment_ in rng.sample(environments, 2):
            deploy(world, environment_, 600, 7000, ago=rng.uniform(301, 3000))


def progress(folder: Path) -> str:
    """Check that a store contradicts itself nowhere; return how far it is."""
    with closing(sqlite3.connect(folder / "dora.db")) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables:
            return "before there were tables"
        polled = connection.execute("SELECT 1 FROM state WHERE key = 'polled_at'").fetchone()
    assert_whole(folder)
    return "in later polls" if polled else "before the first poll was complete"
