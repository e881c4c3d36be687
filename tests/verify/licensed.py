"""A simulated GitLab that is licensed for its own metrics, and an exporter that polled it."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from exporter.simulator import SimulatedGitLab, World
from exporter.verify import Comparison, Difference, Reason, verify
from tests.clock import FakeClock
from tests.poller.driven_exporter import DrivenExporter, settings_for

TODAY = date(2026, 3, 2)
"""Of :class:`tests.clock.FakeClock`, at noon."""

FREQUENCY, LEAD_TIME = "deployment_frequency", "lead_time_for_changes"

GITLABS = {"lead_time": {"aggregation": "daily_medians", "first_deployment": "include"}}
"""A configuration that leaves the arithmetic to GitLab."""


class Licensed:
    """Both sides, from the first poll to the comparison."""

    def __init__(self, gitlab: SimulatedGitLab, clock: FakeClock, database: Path) -> None:
        self.gitlab = gitlab
        self.world = gitlab.world
        self.clock = clock
        self._database = database
        self._changes: Mapping[str, Any] = {}

    def poll(self, changes: Mapping[str, Any], *more: Callable[[], object]) -> None:
        """Poll once, and again after each of the things to happen."""
        self._changes = changes
        settings = settings_for(self.gitlab.url, self._database, changes)
        exporter = DrivenExporter(settings, self.clock, self._database)
        try:
            assert exporter.poll()
            for happen in more:
                happen()
                assert exporter.poll()
        finally:
            exporter.close()

    def corrupt(self, statement: str, *arguments: object) -> None:
        """Change what is stored, one row of it."""
        with closing(sqlite3.connect(self._database)) as connection:
            assert connection.execute(statement, arguments).rowcount == 1
            connection.commit()

    def compare(self, days: int = 30, *, each_project: bool = False) -> Comparison:
        """Compare the last days."""
        settings = settings_for(self.gitlab.url, self._database, self._changes)
        return verify(
            settings,
            settings.gitlab.token_source(),
            self.clock,
            start=TODAY - timedelta(days=days - 1),
            end=TODAY,
            each_project=each_project,
        )

    def differences(self, days: int = 30) -> list[Difference]:
        """Return what differs in the last days."""
        return list(self.compare(days).differences)

    def reasons(self, days: int = 30) -> dict[tuple[str, str], list[Reason]]:
        """Return why numbers differ, by metric and day."""
        return {
            (one.metric, one.day.isoformat()): list(one.reasons) for one in self.differences(days)
        }


@contextmanager
def licensed(folder: Path) -> Iterator[Licensed]:
    """Run a licensed GitLab, yet to be filled."""
    clock = FakeClock()
    world = World(clock)
    world.features.dora = True
    with SimulatedGitLab(world) as gitlab:
        yield Licensed(gitlab, clock, folder / "dora.db")
