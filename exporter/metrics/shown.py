"""What scrapes show from one poll to the next, rendered once."""

import logging
from collections.abc import Iterable, Mapping

from exporter.logs import fields
from exporter.metrics.catalogue import Family
from exporter.metrics.deflated import Deflated, append
from exporter.metrics.formats import FORMATS, Format
from exporter.metrics.lines import comments, lines_of
from exporter.metrics.series import SeriesCount
from exporter.metrics.snapshot import Snapshot
from exporter.metrics.tables import dora_tables, errors_table, linked_table

log = logging.getLogger(__name__)

Errors = Mapping[int, int]
"""Failed polls by project id."""

NOTHING = Snapshot(None, (), ())


class Shown:
    """A snapshot, and its text in each format.

    ``exposed`` is the snapshot, or nothing where it has more series than allowed: a part of them
    would pass for the whole. ``series`` is how many it has.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        errors: Errors,
        *,
        fresh_for: int = 0,
        max_series: int | None = None,
    ) -> None:
        """Render all numbers, or log an error if there are too many."""
        self.snapshot = snapshot
        count = SeriesCount.of(snapshot)
        self.series = count.total
        self.exceeded = max_series is not None and count.total > max_series
        if self.exceeded:
            _complain(count, max_series)
        self.exposed = NOTHING if self.exceeded else snapshot
        self._fresh = frozenset(
            project.id
            for project, _ in snapshot.projects
            if project.polled_at is not None
            and (snapshot.polled_at or 0) - project.polled_at <= fresh_for
        )
        self._numbers = {one: Deflated() for one in FORMATS}
        for table in (*dora_tables(self.exposed), linked_table(self.exposed)):
            _append(self._numbers, lines_of(table))
        self._with_errors = errors, self._append_errors(errors)

    def text(self, wanted: Format, errors: Errors) -> Deflated:
        """Return the numbers and how many polls of each project failed."""
        known, texts = self._with_errors
        if known != errors:
            texts = self._append_errors(errors)
            self._with_errors = errors, texts
        return texts[wanted]

    def is_rendered(self, errors: Errors) -> bool:
        """Whether the text with these failed polls is there already."""
        return self._with_errors[0] == errors

    def stale(self, failing: Iterable[int]) -> int:
        """Return how many projects failed, or were not read lately."""
        fresh = len(self._fresh) - sum(one in self._fresh for one in failing)
        return len(self.snapshot.projects) - fresh

    def _append_errors(self, errors: Errors) -> Mapping[Format, Deflated]:
        texts = {one: numbers.copy() for one, numbers in self._numbers.items()}
        _append(texts, lines_of(errors_table(self.snapshot, errors)))
        return texts


def _append(
    texts: Mapping[Format, Deflated], families: Iterable[tuple[Family, Iterable[bytes]]]
) -> None:
    """Append families; what the formats write alike is compressed once for all."""
    for family, lines in families:
        for wanted, text in texts.items():
            append([text], [comments(family, wanted)])
        append([*texts.values()], lines)


def _complain(count: SeriesCount, limit: int | None) -> None:
    log.error(
        "too many series, no metric of projects and groups is exposed: expose fewer of"
        " metrics.levels, metrics.tiers, windows or metrics.percentiles (here with the series that"
        " each accounts for), or raise metrics.max_series",
        extra=fields(
            series=count.total,
            max_series=limit,
            **{
                name: " ".join(f"{one}={number}" for one, number in numbers.most_common())
                for name, numbers in (
                    ("levels", count.levels),
                    ("tiers", count.tiers),
                    ("windows", count.windows),
                    ("percentiles", count.percentiles),
                )
            },
        ),
    )
