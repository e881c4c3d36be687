"""Three replicas as processes on one PostgreSQL, which poll a GitLab where deployments go on."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path
from threading import Event, Thread

import psycopg
from sqlalchemy import make_url

from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.front import RequestRecord
from exporter.simulator.world import Environment
from tests.crash.real_exporter import running, write_config
from tests.poller.estate import HOUR, add_app, deploy
from tests.process import Running
from tests.waiting import wait_until

SEED = 20260314
TOKENS = ("first-token", "second-token", "third-token")
LEADS = "gitlab_dora_exporter_leader 1.0"

_BETWEEN_POLLS = timedelta(seconds=1)
"""Within a poll no time so long passes without a request."""


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


def estate(projects: int) -> tuple[World, list[Environment]]:
    """Make projects, and a token for each replica."""
    world = World()
    for token in TOKENS:
        world.add_token(token, user=world.add_user(token), admin=True)
    return world, [add_app(world, f"acme/app-{number}") for number in range(projects)]


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


def runs_of(requests: list[RequestRecord]) -> list[list[RequestRecord]]:
    """Part the requests, in their order, where another replica begins to ask."""
    return [list(run) for _, run in groupby(requests, key=lambda one: one.token)]


def begins_of(requests: list[RequestRecord]) -> list[datetime]:
    """Return when polls began: with a request after a while without, or of another replica."""
    return [
        after.came
        for before, after in pairwise([None, *requests])
        if after is not None
        and (
            before is None or before.token != after.token or after.came - before.at > _BETWEEN_POLLS
        )
    ]


@contextmanager
def three_replicas(
    gitlab: SimulatedGitLab, url: str, folder: Path, interval: int
) -> Iterator[list[Replica]]:
    """Run three replicas on a database, each with a token of its own.

    They poll once in so many seconds.
    """
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
                poll={"interval": f"{interval}s", "freshness": "1s"},
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
