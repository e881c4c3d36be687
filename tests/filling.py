"""A store filled by hand, and the pages over it: what tests of the outside begin with."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any

from starlette.testclient import TestClient

from exporter.api import DoraApi, OpenAccess
from exporter.config import Settings
from exporter.dora.facts import Environment, MergeRequest
from exporter.instant import Instant, from_datetime
from exporter.ledger import Ledger
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import take_snapshot
from exporter.poller import Status
from exporter.store import Discovered, Reading, SeenDeployment, Store
from exporter.web.app import create_app

TOKEN = "glpat-Zq7TokenOfTheTests"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def utc(text: str) -> datetime:
    """Return a time in UTC, written such as ``2021-03-01T12:00``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass
class StoppedClock:
    """A clock that stands at ``present`` until it is told otherwise."""

    present: datetime

    def now(self) -> Instant:
        return from_datetime(self.present)

    def monotonic(self) -> float:
        return self.present.timestamp()

    def wait(self, stop: Event, seconds: float) -> bool:
        raise AssertionError(f"nothing here waits, {stop} {seconds}")


class Filling:
    """Fills a store with what polls would have brought."""

    def __init__(self, store: Store, clock: StoppedClock) -> None:
        self.store = store
        self.clock = clock
        self._ids = count(100)
        self._projects: dict[int, tuple[Instant, bool]] = {}
        self._environments: dict[int, Environment] = {}

    def scope(self, projects: Mapping[int, str], groups: Mapping[int, str]) -> None:
        """Put projects and groups in scope, by id and full path."""
        self.store.scope.save_discovery(
            {"all": Discovered(projects, groups)}, at=self.clock.now(), fingerprint="x"
        )

    def environment(
        self,
        project: int,
        name: str = "production",
        *,
        tier: str = "production",
        covered_since: datetime = LONG_AGO,
        complete: bool = True,
    ) -> int:
        """Read a project with a new environment; return the environment's id.

        Its first deployment lies further back, so those to come link merge requests that count.
        """
        number = next(self._ids)
        self._environments[number] = Environment(number, project, name, tier, 1)
        self._projects[project] = (from_datetime(covered_since), complete)
        self._save(number)
        return number

    def deploy(
        self,
        environment: int,
        finished_at: datetime,
        merged: Sequence[datetime] = (),
        *,
        author: str = "ada",
    ) -> None:
        """Deploy to an environment, with one's merge requests that were merged at these times."""
        number, at = next(self._ids), from_datetime(finished_at)
        self._save(
            environment,
            SeenDeployment(number, number, environment, "main", "5ad", at, at, "deployment"),
        )
        linked = [
            MergeRequest(next(self._ids), from_datetime(one), "main", author) for one in merged
        ]
        self.store.links.save(
            self._environments[environment].project_id,
            {number: linked},
            at=self.clock.now(),
        )

    def poll(self) -> None:
        """Complete a poll of every project that was read."""
        self.store.scope.save_poll(self.clock.now(), list(self._projects))

    def _save(self, environment: int, *deployments: SeenDeployment) -> None:
        one = self._environments[environment]
        covered_since, complete = self._projects[one.project_id]
        scope = self.store.scope.load()
        project = next(each for each in scope.projects if each.id == one.project_id)
        self.store.readings.save(
            one.project_id,
            Reading(
                deployments,
                [one],
                all_environments=False,
                cursor=self.clock.now(),
                covered_since=covered_since,
                complete=complete,
            ),
            at=self.clock.now(),
            tiers={one.id: str(one.tier)},
            group_ids=[group.id for group in scope.groups_above(project)],
        )


def settings_with(**sections: Mapping[str, Any] | Sequence[Any] | str) -> Settings:
    """Return settings that poll the group ``acme``, open to every caller, with changes."""
    given: dict[str, Any] = {
        "gitlab": {"url": "https://gitlab.example.com", "token": TOKEN},
        "groups": ["acme"],
        "api": {"auth": "none"},
    }
    return Settings.model_validate({**given, **sections})


@contextmanager
def opened(
    store: Store, clock: StoppedClock, settings: Settings | None = None
) -> Iterator[TestClient]:
    """Open the pages over a store as it is now."""
    chosen = settings or settings_with()
    view = Ledger(store, chosen).view()
    exposition = Exposition(Status(), lambda: None)
    exposition.show(take_snapshot(view, chosen))
    api = DoraApi.over(lambda: view, chosen, clock, OpenAccess(), store.provenance)
    with TestClient(create_app(chosen, exposition, api)) as client:
        yield client


@contextmanager
def filled(folder: Path, now: datetime) -> Iterator[Filling]:
    """Open an empty store in a folder, to be filled at a time."""
    with Store.open(f"sqlite:///{folder / 'dora.db'}") as store:
        yield Filling(store, StoppedClock(now))
