"""Snapshots one after the other, in which the numbers of quiet projects are carried over.

The windows trail, so time alone changes numbers: but only when a deployment enters or leaves a
window, or the history comes to cover one. Until then, and while nothing is stored of it, a project
has the numbers it had. Groups of many projects change at nearly every poll, and are computed anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from exporter.config import Settings
from exporter.dora.columns import Integers
from exporter.dora.facts import Project
from exporter.instant import Instant, microseconds
from exporter.ledger import View
from exporter.metrics.snapshot import Row, Snapshot, numbers_of

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class _Kept:
    """The rows of a project, what they were made from, and from when to when they hold."""

    timelines: object
    made_from: object
    begins: Instant
    ends: Instant
    rows: Sequence[Row]


class Snapshots:
    """Takes snapshots, each the same as :func:`~exporter.metrics.snapshot.take_snapshot` would."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        lengths = [microseconds(one.timedelta) for one in settings.windows]
        # A window ends where it begins again, as the one before: so these are all borders.
        self._borders = np.array(
            sorted({0, *lengths, *(2 * one for one in lengths)}), dtype=np.int64
        )
        self._kept: dict[int, _Kept] = {}

    def take(self, view: View) -> Snapshot:
        """Compute all values of a view that ``windows`` and ``metrics`` want."""
        self._kept = dict(self._of_projects(view))
        return Snapshot(
            view.polled_at,
            [(one, self._kept[one.id].rows) for one in view.scope.projects],
            [
                (one, numbers_of(view, one, view.polled_at, self._settings))
                for one in view.scope.groups
            ],
        )

    def _of_projects(self, view: View) -> Iterator[tuple[int, _Kept]]:
        totals: dict[int, dict[str, int]] = {}
        for (kind, number, tier), total in view.counters.items():
            if kind == "project":
                totals.setdefault(number, {})[tier] = total
        for one in view.scope.projects:
            made_from = view.tiers_by_environment(one), one.covered_since, totals.get(one.id)
            yield one.id, self._of_project(view, one, made_from)

    def _of_project(self, view: View, project: Project, made_from: object) -> _Kept:
        at = project.polled_at or 0
        timelines = view.timelines_of(project)
        kept = self._kept.get(project.id)
        if (
            kept is not None
            and kept.timelines is timelines
            and kept.begins <= at < kept.ends
            and kept.made_from == made_from
        ):
            return kept
        return _Kept(
            timelines,
            made_from,
            at,
            self._changes_at([one.finished for one in timelines.values()], project),
            numbers_of(view, project, project.polled_at, self._settings),
        )

    def _changes_at(self, finished: Sequence[Integers], project: Project) -> Instant:
        """Return when a trailing window must end for its numbers to be others than now.

        Merge requests enter and leave windows with the deployments that brought them.
        """
        at = project.polled_at
        if at is None:
            return 0  # without numbers, there is nothing to keep
        begins = at - self._borders
        passes = [] if project.covered_since is None else [project.covered_since + self._borders]
        for moments in finished:
            next_ones = moments.searchsorted(begins, "right")
            some = next_ones < len(moments)
            passes.append(moments[next_ones[some]] + self._borders[some])
        return min((int(one[one > at].min(initial=_NEVER)) for one in passes), default=_NEVER)
