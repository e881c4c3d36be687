"""Three replicas on one PostgreSQL, of which the one that polls is killed again and again."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from sqlalchemy import make_url

from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.front import RequestRecord
from exporter.simulator.world import Environment
from tests.crash.real_exporter import Answers, read_answers, running, write_config
from tests.poller.estate import HOUR, add_app, deploy
from tests.postgres import Server, postgres
from tests.process import Running
from tests.waiting import wait_until

__all__ = ["postgres"]

SEED = 20260314
KILLS = 20
INTERVAL = 8
PROJECTS = 20
TOKENS = ("first-token", "second-token", "third-token")
LEADS = "gitlab_dora_exporter_leader 1.0"

TAKES_OVER = timedelta(seconds=6)
"""What a new leader may need: a turn to ask, three seconds of grace, and a busy machine."""


UNDER_WAY = timedelta(seconds=2)
"""A request that was sent before a kill comes later where the simulated GitLab is busy: it answers
one after the other."""


@dataclass
class Replica:
    """One replica: its place, and the process that runs there now."""

    folder: Path
    token: str
    stack: ExitStack = field(default_factory=ExitStack)
    url: str = ""

    def start(self) -> Running:
        """Start it; it takes its time."""
        self.process = self.stack.enter_context(running(self.folder))
        return self.process

    def kill(self) -> datetime:
        """Kill it, and return when."""
        self.process.process.kill()
        at = datetime.now(UTC)
        self.stack.close()
        return at

    def wait(self) -> None:
        """Wait until it serves and shows a complete poll."""
        self.url = self.process.url()
        self.process.wait_until_ready(self.url)

    def leads(self) -> bool:
        """Whether it says that it polls."""
        return LEADS in self.process.get(f"{self.url}/metrics").text


@contextmanager
def deploying(world: World, environments: list[Environment]) -> Iterator[None]:
    """Deploy again and again in the background, with merge requests."""
    ended = Event()

    def work() -> None:
        rng = random.Random(SEED)
        while not ended.wait(0.2):
            deploy(world, rng.choice(environments), rng.uniform(1, 90) * HOUR)

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def told(url: str, world: World) -> Answers:
    """Return all that an exporter answers about whole days, and what it exposes."""
    today = datetime.now(UTC).date()
    return read_answers(url, world, today - timedelta(days=70), today)


def runs_of(requests: list[RequestRecord]) -> list[list[RequestRecord]]:
    """Part the requests, in their order, where another replica begins to ask."""
    return [list(run) for _, run in groupby(requests, key=lambda one: one.token)]


def quiet_times(requests: list[RequestRecord]) -> list[timedelta]:
    """Return for how long GitLab was asked nothing, each time: every poll asks something."""
    return [after.came - before.at for before, after in pairwise(requests)]


@dataclass
class Outcome:
    """What became of the replicas: what they show, what a calm exporter does, what was asked."""

    kills: list[tuple[str, datetime]] = field(default_factory=list)
    shown: list[Answers] = field(default_factory=list)
    expected: Answers = field(default_factory=dict)
    requests: list[RequestRecord] = field(default_factory=list)


@contextmanager
def three_replicas(gitlab: SimulatedGitLab, url: str, folder: Path) -> Iterator[list[Replica]]:
    """Run three replicas on a database, each with a token of its own."""
    with ExitStack() as stack:
        replicas = [Replica(folder / token, token) for token in TOKENS]
        for one in replicas:
            one.folder.mkdir()
            write_config(
                one.folder,
                gitlab.url,
                gitlab={"token": one.token},
                store={"url": url},
                # So that each poll asks about all projects, and is seen.
                poll={"interval": f"{INTERVAL}s", "freshness": "1s"},
            )
            stack.callback(one.stack.close)
            one.start()
        for one in replicas:
            one.wait()
        yield replicas


def polled_at(replicas: list[Replica]) -> float:
    """Return the begin of the last poll that all replicas show."""
    family = "gitlab_dora_exporter_last_poll_success_timestamp_seconds"
    texts = [one.process.get(f"{one.url}/metrics").text for one in replicas]
    return min(float(text.rpartition(f"\n{family} ")[2].split()[0]) for text in texts)


def wait_for_poll(replicas: list[Replica]) -> None:
    """Wait until all replicas show a later poll."""
    before = polled_at(replicas)
    wait_until(lambda: polled_at(replicas) > before)


def kill_the_leader(
    replicas: list[Replica], gitlab: SimulatedGitLab, after: float | None
) -> tuple[str, datetime]:
    """Kill the one that polls some seconds from now, or at the begin of its next poll if None.

    Start it again, and wait until another polls.
    """
    (leader,) = (one for one in replicas if one.leads())
    asked = len(gitlab.requests)
    if after is None:
        wait_until(lambda: len(gitlab.requests) > asked, 60, 0.005)
    else:
        Event().wait(after)
    killed_at = leader.kill()
    leader.start()
    wait_until(lambda: gitlab.requests[-1].token != leader.token, 60)
    leader.wait()
    return leader.token, killed_at


def after_kills(world: World, environments: list[Environment], url: str, folder: Path) -> Outcome:
    """Kill leaders while deployments go on; then compare with an exporter that nobody disturbs."""
    rng = random.Random(SEED)
    outcome = Outcome()
    with SimulatedGitLab(world) as gitlab, three_replicas(gitlab, url, folder) as replicas:
        with deploying(world, environments):
            for number in range(KILLS):
                after = None if number % 2 else rng.uniform(0, INTERVAL)
                outcome.kills.append(kill_the_leader(replicas, gitlab, after))
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


def rows(url: str, query: bytes) -> list[tuple[int, ...]]:
    """Return what a query finds in a database."""
    parts = make_url(url)
    with psycopg.connect(
        host=str(parts.query["host"]),
        user=parts.username,
        password=parts.password,
        dbname=parts.database,
    ) as connection:
        return connection.execute(query).fetchall()


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


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_leader_killed_twenty_times_loses_and_doubles_nothing(
    postgres: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World()
    for token in TOKENS:
        world.add_token(token, user=world.add_user(token), admin=True)
    environments = [add_app(world, f"acme/app-{number}") for number in range(PROJECTS)]
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
    quiet = max(quiet_times(outcome.requests))
    with capsys.disabled():
        print(  # noqa: T201 - the figures are the point
            f"\n{KILLS} kills, {len(deployed)} deployments, {len(outcome.requests)} requests; "
            f"polls every {INTERVAL} s, longest time without a request {quiet}; "
            f"from a kill to the next poll {min(took)} to {max(took)}"
        )
    # The next poll is when it would have been, or as soon as the lead is taken.
    assert max(took) <= timedelta(seconds=INTERVAL)
    assert quiet <= timedelta(seconds=INTERVAL) + TAKES_OVER
