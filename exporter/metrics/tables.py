"""The numbers as tables: a row for each project or group and tier, of which families show cells."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Generic, TypeVar

from exporter.dora.arithmetic import Period
from exporter.instant import MICROSECONDS
from exporter.metrics.catalogue import (
    GROUP,
    GROUP_LABELS,
    LINKED,
    POLL_ERRORS,
    PROJECT,
    PROJECT_LABELS,
    Families,
    Family,
)
from exporter.metrics.snapshot import Row, Snapshot

T = TypeVar("T")

Value = tuple[tuple[str, ...], float]
"""The values of the labels that a sample has beyond those of its row, and its number."""

ValuesOf = Callable[[T], Iterable[Value]]

_PeriodsOf = Callable[[Row], Mapping[str, Period]]


@dataclass(frozen=True, slots=True)
class Table(Generic[T]):
    """Some families over the same rows.

    ``labels`` names the labels of a row, ``rows`` gives their values and what the numbers are taken
    from, ``families`` says how. The rows are made when they are first asked for.
    """

    labels: Sequence[str]
    rows: Callable[[], Sequence[tuple[tuple[str, ...], T]]]
    families: Sequence[tuple[Family, ValuesOf[T]]]


def dora_tables(snapshot: Snapshot) -> tuple[Table[Row], Table[Row]]:
    """Return the numbers of projects and those of groups, in the order of the exposition."""
    return (
        Table(
            PROJECT_LABELS,
            cache(
                lambda: [
                    ((str(project.id), project.path, project.group, row.tier), row)
                    for project, rows in snapshot.projects
                    for row in rows
                ]
            ),
            _PROJECT_FAMILIES,
        ),
        Table(
            GROUP_LABELS,
            cache(
                lambda: [
                    ((str(group.id), group.path, str(group.level), row.tier), row)
                    for group, rows in snapshot.groups
                    for row in rows
                ]
            ),
            _GROUP_FAMILIES,
        ),
    )


def linked_table(snapshot: Snapshot) -> Table[Row]:
    """Return which share of the deployments of each project has merge requests."""
    return Table(
        POLL_ERRORS.labels,
        cache(
            lambda: [
                ((str(project.id), project.path, project.group), row)
                for project, rows in snapshot.projects
                for row in rows
            ]
        ),
        ((LINKED, _linked),),
    )


def errors_table(snapshot: Snapshot, errors: Mapping[int, int]) -> Table[int]:
    """Return how many polls of each project failed."""
    return Table(
        POLL_ERRORS.labels,
        cache(
            lambda: [
                ((str(project.id), project.path, project.group), errors.get(project.id, 0))
                for project, _ in snapshot.projects
            ]
        ),
        ((POLL_ERRORS, lambda number: (((), number),)),),
    )


def _total(row: Row) -> Sequence[Value]:
    return (((), row.deployments_total),)


def _last(row: Row) -> Sequence[Value]:
    return () if row.last_deployment is None else (((), row.last_deployment / MICROSECONDS),)


def _windowed(periods_of: _PeriodsOf, number: Callable[[Period], float]) -> ValuesOf[Row]:
    def values(row: Row) -> Iterator[Value]:
        for window, period in periods_of(row).items():
            yield (window,), number(period)

    return values


def _percentiles(periods_of: _PeriodsOf) -> ValuesOf[Row]:
    def values(row: Row) -> Iterator[Value]:
        for window, period in periods_of(row).items():
            for percentile, seconds in period.lead_time.items():
                yield (window, str(percentile)), seconds

    return values


_current: _PeriodsOf = attrgetter("current")
_before: _PeriodsOf = attrgetter("before")
_deployments: Callable[[Period], float] = attrgetter("deployments")
_per_day: Callable[[Period], float] = attrgetter("per_day")
_merge_requests: Callable[[Period], float] = attrgetter("merge_requests")


def _families(families: Families) -> Sequence[tuple[Family, ValuesOf[Row]]]:
    return (
        (families.deployments_total, _total),
        (families.recent_deployments, _windowed(_current, _deployments)),
        (families.deployment_frequency, _windowed(_current, _per_day)),
        (families.lead_time, _percentiles(_current)),
        (families.lead_time_merge_requests, _windowed(_current, _merge_requests)),
        (families.last_deployment, _last),
        (families.previous_deployments, _windowed(_before, _deployments)),
        (families.previous_lead_time, _percentiles(_before)),
        (families.previous_lead_time_merge_requests, _windowed(_before, _merge_requests)),
    )


def _linked(row: Row) -> Iterator[Value]:
    for window, share in row.linked.items():
        yield (window,), share


_PROJECT_FAMILIES = _families(PROJECT)
_GROUP_FAMILIES = _families(GROUP)
