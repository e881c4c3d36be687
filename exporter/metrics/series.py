"""How many series a snapshot has, and which choice in the settings accounts for how many."""

from collections import Counter
from dataclasses import dataclass, field

from exporter.metrics.snapshot import Row, Snapshot

OF_CURRENT = 3
"""Series of a trailing window besides its percentiles: deployments, per day, merge requests."""

OF_BEFORE = 2
"""Of the window before: deployments and merge requests."""


@dataclass(slots=True)
class SeriesCount:
    """The series of a snapshot: all, and by level, tier, window and percentile.

    A series counts in each that applies to it: so many would go if that one was left out.
    """

    total: int = 0
    levels: Counter[str] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    windows: Counter[str] = field(default_factory=Counter)
    percentiles: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, snapshot: Snapshot) -> "SeriesCount":
        """Count the series of a snapshot."""
        count = cls()
        for level, containers in (("project", snapshot.projects), ("group", snapshot.groups)):
            for _, rows in containers:
                for row in rows:
                    count._add(level, row)
        return count

    def _add(self, level: str, row: Row) -> None:
        series = 1 if row.last_deployment is None else 2
        for periods, besides in ((row.current, OF_CURRENT), (row.before, OF_BEFORE)):
            for window, period in periods.items():
                of_window = besides + len(period.lead_time)
                series += of_window
                self.windows[window] += of_window
                for percentile in period.lead_time:
                    self.percentiles[str(percentile)] += 1
        self.levels[level] += series
        self.tiers[row.tier] += series
        self.total += series
