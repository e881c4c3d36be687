"""The numbers of a recorded history, calculated from its JSON file alone."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

from tests.oracle.brute_force import percentile


@dataclass(frozen=True)
class Release:
    """A deployment, and the seconds that each of its merge requests waited for it."""

    finished_at: datetime
    waited: tuple[Fraction, ...]

    @property
    def day(self) -> date:
        """The day in UTC on which it finished."""
        return self.finished_at.astimezone(UTC).date()


@dataclass(frozen=True)
class Numbers:
    """The numbers of some releases."""

    deployments: int
    merge_requests: int
    percentiles: dict[int, float | None]

    @property
    def median(self) -> float | None:
        """The median lead time in seconds."""
        return self.percentiles[50]


class RecordedHistory:
    """The releases of some files, each file one project with one environment.

    The merge requests of a project's first release count only with ``include_first``.
    """

    def __init__(self, *files: Path, include_first: bool) -> None:
        self.releases = [one for path in files for one in _releases(path, include_first)]

    def on_days(self, first: date, last: date) -> Numbers:
        """Return the numbers of some days, both ends included."""
        return self._numbers(lambda one: first <= one.day <= last)

    def in_window(self, begin: datetime, end: datetime) -> Numbers:
        """Return the numbers of a trailing window, its begin excluded, its end included."""
        return self._numbers(lambda one: begin < one.finished_at <= end)

    def _numbers(self, wanted: Callable[[Release], bool]) -> Numbers:
        held = [one for one in self.releases if wanted(one)]
        waited = [seconds for one in held for seconds in one.waited]
        return Numbers(
            len(held),
            len(waited),
            {percent: percentile(waited, percent) for percent in (50, 75, 95)},
        )


def _releases(path: Path, include_first: bool) -> list[Release]:
    history = json.loads(path.read_text(encoding="utf-8"))
    merged = {
        one["iid"]: datetime.fromisoformat(one["merged_at"]) for one in history["merge_requests"]
    }
    releases = []
    earliest = min(datetime.fromisoformat(one["finished_at"]) for one in history["deployments"])
    for one in history["deployments"]:
        finished_at = datetime.fromisoformat(one["finished_at"])
        counted = include_first or finished_at > earliest
        waits = [finished_at - merged[iid] for iid in one["merge_requests"]] if counted else []
        seconds = tuple(Fraction(max(wait, timedelta(0)) // timedelta(seconds=1)) for wait in waits)
        releases.append(Release(finished_at, seconds))
    return releases
