"""Three replicas on one PostgreSQL, of which the one that polls is killed again and again."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Event

import pytest

from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.front import RequestRecord
from exporter.simulator.world import Environment
from exporter.store.rhythm import Rhythm
from tests.crash.real_exporter import Answers, read_answers, running, write_config
from tests.crash.replicas import (
    SEED,
    Replica,
    begins_of,
    deploying,
    estate,
    rows,
    runs_of,
    three_replicas,
    wait_for_poll,
)
from tests.postgres import Server, postgres
from tests.waiting import wait_until

__all__ = ["postgres"]

KILLS = 20
INTERVAL = 7
PROJECTS = 20

JUST_BEFORE = 0.2
"""Seconds from a kill to the poll that the killed one was about to begin."""

UNDER_WAY = timedelta(seconds=2)
"""A request that was sent before a kill comes later where the simulated GitLab is busy: it answers
one after the other."""


def told(url: str, world: World) -> Answers:
    """Return all that an exporter answers about whole days, and what it exposes."""
    today = datetime.now(UTC).date()
    return read_answers(url, world, today - timedelta(days=70), today)


@dataclass
class Outcome:
    """What became of the replicas: what they show, what a calm exporter does, what was asked."""

    kills: list[tuple[str, datetime]] = field(default_factory=list)
    shown: list[Answers] = field(default_factory=list)
    expected: Answers = field(default_factory=dict)
    requests: list[RequestRecord] = field(default_factory=list)


def wait_for_the_moment(gitlab: SimulatedGitLab, number: int, rng: random.Random) -> None:
    """Wait until it is time for a kill: at the begin of a poll, just before one, or whenever."""
    asked = len(gitlab.requests)
    if number % 3 == 0:
        wait_until(lambda: len(gitlab.requests) > asked, 60, 0.005)
    elif number % 3 == 1:
        since = (datetime.now(UTC) - begins_of(list(gitlab.requests))[-1]).total_seconds()
        next_in = INTERVAL - Rhythm.of(timedelta(seconds=INTERVAL)).reserve - since
        Event().wait(next_in - JUST_BEFORE)
    else:
        Event().wait(rng.uniform(0, INTERVAL / 2))


def kill_the_leader(
    replicas: list[Replica], gitlab: SimulatedGitLab, number: int, rng: random.Random
) -> tuple[str, datetime]:
    """Kill the one that polls, start it again, and wait until another polls."""
    (leader,) = (one for one in replicas if one.leads())
    wait_for_the_moment(gitlab, number, rng)
    killed_at = leader.kill()
    leader.start()
    wait_until(lambda: gitlab.requests[-1].token != leader.token, 60)
    leader.wait()
    return leader.token, killed_at


def after_kills(world: World, environments: list[Environment], url: str, folder: Path) -> Outcome:
    """Kill leaders while deployments go on; then compare with an exporter that nobody disturbs."""
    rng = random.Random(SEED)
    outcome = Outcome()
    with (
        SimulatedGitLab(world) as gitlab,
        three_replicas(gitlab, url, folder, INTERVAL) as replicas,
    ):
        with deploying(world, environments):
            for number in range(KILLS):
                outcome.kills.append(kill_the_leader(replicas, gitlab, number, rng))
        # Two whole polls see the rest.
        for _ in range(3):
            wait_for_poll(replicas)
        outcome.requests = list(gitlab.requests)
        calm = folder / "calm"
        calm.mkdir()
        write_config(calm, gitlab.url, poll={"interval": "1h"})
        with running(calm) as exporter:
            at = exporter.url()
            exporter.wait_until_ready(at)
            outcome.expected = told(at, world)
        outcome.shown = [told(one.url, world) for one in replicas]
    return outcome


def assert_turns(outcome: Outcome) -> list[timedelta]:
    """Check that each asks only until it is killed; return how long take-overs took."""
    runs = runs_of(outcome.requests)
    assert len(runs) == KILLS + 1
    took = []
    for (token, killed_at), (before, after) in zip(outcome.kills, pairwise(runs), strict=True):
        assert before[0].token == token
        assert before[-1].came <= killed_at + UNDER_WAY
        took.append(after[0].came - killed_at)
    assert min(took) > timedelta()
    return took


@pytest.mark.bench
@pytest.mark.timeout(900)
def test_a_leader_killed_twenty_times_loses_and_doubles_nothing(
    postgres: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world, environments = estate(PROJECTS)
    url = postgres.create_database()

    outcome = after_kills(world, environments, url, tmp_path)

    assert [one == outcome.expected for one in outcome.shown] == [True, True, True]
    deployed = {(one.id, one.environment.project.id) for one in world.deployments.values()}
    stored = rows(url, b"SELECT id, project_id FROM deployments")
    assert (len(stored), set(stored)) == (len(deployed), deployed)
    counted = rows(url, b"SELECT sum(deployments) FROM counters WHERE kind = 'project'")
    assert counted == [(len(deployed),)]
    assert len(deployed) > 20 * KILLS

    took = assert_turns(outcome)
    gaps = [after - before for before, after in pairwise(begins_of(outcome.requests))]
    with capsys.disabled():
        print(  # noqa: T201 - the figures are the point
            f"\n{KILLS} kills, {len(deployed)} deployments, {len(outcome.requests)} requests; "
            f"polls every {INTERVAL} s, {len(gaps)} times from a begin to the next, "
            f"at most {max(gaps)}; from a kill to the next poll {min(took)} to {max(took)}"
        )
    assert max(gaps) <= timedelta(seconds=INTERVAL)
