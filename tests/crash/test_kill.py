"""Killed at any moment of its first poll and started again, the exporter knows the same."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.generator import generate
from tests.crash.real_exporter import (
    Answers,
    Dump,
    assert_whole,
    read_answers,
    read_store,
    running,
    write_config,
)
from tests.crash.tripwire import Tripwire

SEED = 20260302
MOMENTS = 50
IN_EVERY_RUN = 24
DAYS = 30

_RNG = random.Random(SEED)
SPREAD = [(place + _RNG.random()) / MOMENTS for place in range(MOMENTS)]
DELAYS = [_RNG.choice((0.0, _RNG.uniform(0, 0.03))) for _ in range(MOMENTS)]


@dataclass(frozen=True)
class Stage:
    """A GitLab full of history, and what an undisturbed exporter makes of it.

    ``requests`` is how many the undisturbed first poll took, ``under_way`` how many a restart may
    cost besides those that were not made yet.
    """

    gitlab: SimulatedGitLab
    tripwire: Tripwire
    end: datetime
    requests: int
    under_way: int
    store: Dump
    answers: Answers


ONE_BY_ONE, BATCHES = "one by one", "batches"
"""How the merge requests of deployments are read."""


@pytest.fixture(scope="module")
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    end = datetime.now(UTC) - timedelta(days=2)
    world = World()
    world.features.graphql_deployment_merge_requests = request.param == BATCHES
    generate(world, seed=SEED, projects=5, days=DAYS, end=end)
    gitlab, tripwire = SimulatedGitLab(world), Tripwire()
    gitlab.requests = tripwire
    with gitlab:
        folder = tmp_path_factory.mktemp("undisturbed")
        write_config(folder, gitlab.url, poll={"interval": "1h"})
        answers = run_until_ready(folder, world, end)
        # Only what was under way is asked for again: links are stored in some twenty a thread.
        under_way = 15 if request.param == BATCHES else 8 * 20 + 15
        yield Stage(gitlab, tripwire, end, len(tripwire), under_way, read_store(folder), answers)


def run_until_ready(folder: Path, world: World, end: datetime) -> Answers:
    """Run the exporter until its first poll is complete; return all its answers."""
    with running(folder) as exporter:
        url = exporter.url()
        exporter.wait_until_ready(url)
        last = (end - timedelta(days=1)).date()
        return read_answers(url, world, last - timedelta(days=DAYS), last)


def run_until_killed(folder: Path, stage: Stage, number: int, delay: float = 0) -> bool:
    """Run the exporter until it made so many requests; return whether it was killed then."""
    with running(folder) as exporter:
        stage.tripwire.arm(number, exporter.process.kill, delay=delay)
        return stage.tripwire.sprung.wait(60) and exporter.process.wait(20) == -9


def assert_undisturbed(folder: Path, stage: Stage) -> None:
    """Start the exporter again, and compare all it stores and answers."""
    assert run_until_ready(folder, stage.gitlab.world, stage.end) == stage.answers
    assert read_store(folder) == stage.store
    assert_whole(folder)


@pytest.mark.long
@pytest.mark.parametrize(
    ("stage", "fewest", "most"), [(ONE_BY_ONE, 101, 1000), (BATCHES, 21, 50)], indirect=["stage"]
)
def test_the_undisturbed_run_is_worth_comparing_with(stage: Stage, fewest: int, most: int) -> None:
    assert fewest <= stage.requests <= most
    assert len(stage.store["deployments"]) > 100
    assert len(stage.store["deployment_merge_requests"]) > 100
    assert stage.requests - len(stage.store["deployments"]) < 50
    medians = [
        bucket
        for name, answer in stage.answers.items()
        if name.endswith("lead_time_for_changes") and answer[0] == 200
        for bucket in answer[1]
        if None not in bucket.values()
    ]
    assert len(medians) > 50


@pytest.mark.parametrize(
    ("stage", "share", "delay"),
    [
        pytest.param(
            (BATCHES, ONE_BY_ONE)[place % 2],
            share,
            delay,
            marks=[] if place == IN_EVERY_RUN else pytest.mark.long,
        )
        for place, (share, delay) in enumerate(zip(SPREAD, DELAYS, strict=True))
    ],
    indirect=["stage"],
)
def test_a_kill_in_the_first_poll_loses_and_doubles_nothing(
    stage: Stage, tmp_path: Path, share: float, delay: float
) -> None:
    write_config(tmp_path, stage.gitlab.url, poll={"interval": "1h"})
    number = max(1, round(share * (stage.requests - 1)))
    assert run_until_killed(tmp_path, stage, number, delay)
    assert_whole(tmp_path)
    stage.tripwire.clear()
    assert_undisturbed(tmp_path, stage)
    assert len(stage.tripwire) <= stage.requests - number + stage.under_way


@pytest.mark.long
@pytest.mark.parametrize("stage", [ONE_BY_ONE], indirect=True)
def test_many_kills_in_a_row_lose_and_double_nothing(stage: Stage, tmp_path: Path) -> None:
    write_config(tmp_path, stage.gitlab.url, poll={"interval": "1h"})
    rng = random.Random(SEED)
    for _ in range(6):
        assert run_until_killed(tmp_path, stage, rng.randint(5, 60), rng.uniform(0, 0.03))
        assert_whole(tmp_path)
    assert_undisturbed(tmp_path, stage)
