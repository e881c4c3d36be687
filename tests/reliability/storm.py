"""An exporter that polls a small GitLab through a storm, and another that has fair weather.

Both poll the same world over HTTP, by two front doors: the faults are behind one of them.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from exporter.config import Settings
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.simulator.world import Project
from exporter.store.readings import Links
from tests.clock import FakeClock
from tests.poller.driven_exporter import DrivenExporter
from tests.reliability.happenings import Happenings
from tests.reliability.judge import Judge
from tests.reliability.weather import PATIENCE, draw

INTERVAL = timedelta(minutes=5)
_TOKEN = "token-of-the-storm"
_CALM_EVERY = 8

_REMEMBERED = 9
"""Polls for which an answer that told too early a time may still be believed."""

CONFIG: dict[str, Any] = {
    "groups": [{"path": "acme", "include_subgroups": True, "archived": False}],
    "projects": [],
    "exclude": [],
    "poll": {"history": "40d", "freshness": "1s"},
    "environments": {"tier_overrides": []},
    "lead_time": {"first_deployment": "exclude", "target_branches": [], "exclude_authors": []},
    "timezone": "UTC",
    "windows": ["1d", "7d"],
    "api": {"auth": "none"},
}


def settings(url: str, database: Path, token: str, concurrency: int) -> Settings:
    """Return the configuration of an exporter here."""
    gitlab = {
        "url": url,
        "token": token,
        "timeout": PATIENCE,
        "max_requests_per_second": 100_000,
        "concurrency": concurrency,
    }
    return Settings.model_validate(
        {**CONFIG, "gitlab": gitlab, "store": {"url": f"sqlite:///{database}"}}
    )


@dataclass
class Storm:
    """A storm; each :meth:`step` is a poll of it."""

    rng: Random
    clock: FakeClock
    world: World
    gitlab: SimulatedGitLab
    stormy: DrivenExporter
    calm: DrivenExporter
    happenings: Happenings
    judge: Judge
    met: Counter[str] = field(default_factory=Counter)
    """How often each fault met a request."""
    complete: int = 0
    polls: int = 0
    _revoked: int = 0
    _early: int = 0

    def step(self, *, judged: bool) -> list[str]:
        """Let five minutes pass, some things happen and both poll; return what is wrong then."""
        self.happenings.happen()
        self._revoke_or_restore()
        faults = draw(self.rng)
        seen = len(self.gitlab.requests)
        for fault in faults.values():
            self.gitlab.faults.add(fault)
        began = self.clock()
        self.complete += self.stormy.poll()
        self.polls += 1
        self.gitlab.faults.clear()
        self.met.update({name: fault.met for name, fault in faults.items()})
        del self.gitlab.requests[seen:]
        told = faults.get("skewed clock")
        self._early = (
            _REMEMBERED if told and told.met and told.delay < 0 else max(0, self._early - 1)
        )
        flaws = self.judge.flaws(early=self._early > 0) if judged else []
        if self.polls % _CALM_EVERY == 0:
            assert self.calm.poll()
        left = began + INTERVAL - self.clock()
        self.clock.advance(seconds=max(left.total_seconds(), 1))
        return flaws

    def clear_up(self) -> None:
        """Let the storm end, all merge requests become final, and both discover and poll anew."""
        self.world.tokens[_TOKEN].revoked = False
        for minutes in (61, 11, 6):
            self.clock.advance(minutes=minutes)
            assert self.stormy.poll()
            assert self.calm.poll()

    def _revoke_or_restore(self) -> None:
        if self._revoked:
            self._revoked -= 1
        elif self.rng.random() < 0.01:
            self._revoked = self.rng.randint(1, 4)
            self.met["token revoked for some polls"] += 1
        self.world.tokens[_TOKEN].revoked = bool(self._revoked)


@contextmanager
def storm(folder: Path, *, seed: int, concurrency: int) -> Iterator[Storm]:
    """Make a world with a history, and two exporters that have not polled yet."""
    rng, clock = Random(seed), FakeClock()
    world = World(clock)
    world.add_token(_TOKEN, user=world.tokens[DEFAULT_TOKEN].user, admin=True)
    world.features.largest_page = 7
    happenings = Happenings(world, rng)
    happenings.found()
    with ExitStack() as stack:
        exporters = []
        doors = [stack.enter_context(SimulatedGitLab(world)) for _ in range(2)]
        for name, token, door in zip(
            ("stormy", "calm"), (_TOKEN, DEFAULT_TOKEN), doors, strict=True
        ):
            database = folder / f"{name}.db"
            read = settings(door.url, database, token, concurrency)
            exporters.append(DrivenExporter(read, clock, database))
            stack.callback(exporters[-1].close)
        stormy, calm = exporters
        happenings.forgettable = lambda project: all(
            _knows_all(exporter, world, project) for exporter in exporters
        )
        yield Storm(
            rng, clock, world, doors[0], stormy, calm, happenings, Judge(stormy, world, CONFIG)
        )


def _knows_all(exporter: DrivenExporter, world: World, project: Project) -> bool:
    """Whether an exporter has read all that a project holds, and for good."""
    successes = {
        one.id
        for one in world.deployments.values()
        if one.project is project and one.status == "success"
    }
    rows = exporter.stored(
        "SELECT id, finish_source, links, first FROM deployments WHERE project_id = ?", project.id
    )
    return successes == {
        number
        for number, source, links, first in rows
        if source == "deployment" and (first or links == Links.FINAL)
    }
