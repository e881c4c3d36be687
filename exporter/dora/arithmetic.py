"""The two DORA metrics, from facts to numbers. Everything the product shows is computed here.

*Deployment frequency* counts successful deployments by the moment they finished.

*Lead time for changes* is, for every merge request that a deployment brought to an environment,
the time from its merge to the end of that deployment. Of many such times the continuous quantile
is shown (PostgreSQL's ``PERCENTILE_CONT``), the median where nothing else is said. Rules:

- A merge request deployed before it was merged took 0 seconds, and counts.
- An environment's first deployment links every merge request ever merged into its branch. It
  counts as a deployment; its merge requests count only where ``include_first`` says so.
- Only merge requests into ``target_branches`` count (none named: all), and none by
  ``excluded_authors``, unless theirs are asked for (:class:`Authors`).
- ``MERGE_REQUESTS`` takes the quantile over all merge requests of the period. ``DAILY_MEDIANS`` is
  GitLab's own arithmetic: the median of each environment and day, kept in whole seconds, then the
  quantile over those rows.

A period is a calendar bucket, begin included and end excluded, or a trailing window of length W,
which holds the instants in ``(end - W, end]``. Where the stored history does not cover a period
its numbers are unknown: None, never 0.

Source of GitLab's part: https://docs.gitlab.com/ee/user/analytics/dora_metrics.html and
https://docs.gitlab.com/ee/api/dora/metrics.html.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from exporter.dora.calendar import Bucket, day_begins, day_of
from exporter.dora.columns import DeploymentColumns, Integers
from exporter.dora.facts import Deployment
from exporter.instant import MICROSECONDS, Instant, microseconds

Numbers = NDArray[np.float64]

PERCENTILES = (50, 75, 95)
"""Percentiles of lead time that trailing windows show, unless others are wanted."""


class Aggregation(StrEnum):
    """Over what the quantile of lead times is taken."""

    MERGE_REQUESTS = "merge_requests"
    DAILY_MEDIANS = "daily_medians"


class Authors(StrEnum):
    """Whose merge requests count; ``BOTS`` stands for all who are excluded otherwise."""

    PEOPLE = "people"
    BOTS = "bots"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class LeadTimeRules:
    """Which merge requests count, and how their lead times are put together."""

    aggregation: Aggregation = Aggregation.MERGE_REQUESTS
    include_first: bool = False
    target_branches: frozenset[str] = frozenset()
    excluded_authors: frozenset[str] = frozenset()
    authors: Authors = Authors.PEOPLE
    zone: tzinfo = UTC

    def counts(self, target_branch: str, author: str) -> bool:
        """Whether a merge request into this branch by this author counts."""
        if self.target_branches and target_branch not in self.target_branches:
            return False
        if self.authors is Authors.ALL:
            return True
        return (author in self.excluded_authors) is (self.authors is Authors.BOTS)


@dataclass(frozen=True, slots=True)
class Period:
    """The numbers of one trailing window.

    ``deployments`` is a count, ``per_day`` the same per day, ``lead_time`` seconds by percentile
    and empty when no merge request was deployed, ``merge_requests`` how many stand behind it.
    """

    deployments: int
    per_day: float
    lead_time: Mapping[int, float]
    merge_requests: int


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Deployments and lead times of one tier, as columns ordered by time, to be cut into periods.

    ``finished`` are the instants at which deployments finished. The other three columns have a
    row for each merge request that counts: when it was deployed, to which environment, and its
    lead time in seconds.
    """

    finished: Integers
    deployed_at: Integers
    environments: Integers
    seconds: Numbers

    @classmethod
    def of(cls, deployments: Iterable[Deployment], rules: LeadTimeRules) -> Self:
        """Order deployments, given in any order and each once, and apply the rules to them."""
        columns = DeploymentColumns.of(deployments)
        order = np.lexsort((columns.ids, columns.finished))
        changes = lead_times(columns, rules)
        ordered = np.lexsort((changes.iids, _ranks(order)[changes.deployments]))
        positions = changes.deployments[ordered]
        return cls(
            columns.finished[order],
            columns.finished[positions],
            columns.environments[positions],
            changes.seconds[ordered],
        )

    @classmethod
    def merged(cls, timelines: Sequence["Timeline"]) -> "Timeline":
        """Put timelines of several environments or projects together."""
        if not timelines:
            return cls.of((), LeadTimeRules())
        if len(timelines) == 1:
            return timelines[0]
        deployed_at = np.concatenate([one.deployed_at for one in timelines])
        order = np.argsort(deployed_at, kind="stable")
        return cls(
            np.sort(np.concatenate([one.finished for one in timelines]), kind="stable"),
            deployed_at[order],
            np.concatenate([one.environments for one in timelines])[order],
            np.concatenate([one.seconds for one in timelines])[order],
        )

    def until(self, end: Instant) -> "Timeline":
        """Return the part up to ``end``, included."""
        rows = slice(0, int(self.deployed_at.searchsorted(end, "right")))
        return Timeline(
            self.finished[: self.finished.searchsorted(end, "right")],
            self.deployed_at[rows],
            self.environments[rows],
            self.seconds[rows],
        )

    def without_deployments(self) -> "Timeline":
        """Return the lead times alone, to be merged with a timeline that has the deployments."""
        return Timeline(self.finished[:0].copy(), self.deployed_at, self.environments, self.seconds)

    def by_day(self, zone: tzinfo) -> "Timeline":
        """Return the rows that GitLab keeps: one for each environment and day with lead times.

        Its lead time is their median in whole seconds, and it is dated at the day's begin. The
        deployments stay what they are.
        """
        if len(self.seconds) == 0:
            return self
        days = _days_of(self.deployed_at, zone)
        order = np.lexsort((self.seconds, self.environments, days))
        days, environments, seconds = days[order], self.environments[order], self.seconds[order]
        changes = (days[1:] != days[:-1]) | (environments[1:] != environments[:-1])
        starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
        # `quantile` of all groups at once.
        positions = 0.5 * (np.diff(starts, append=len(seconds)) - 1)
        below = positions.astype(np.int64)
        low, high = seconds[starts + below], seconds[starts + np.ceil(positions).astype(np.int64)]
        medians = low + (positions - below) * (high - low)
        # GitLab keeps them in an integer column; PostgreSQL rounds halves to even, so does NumPy.
        return Timeline(self.finished, days[starts], environments[starts], np.rint(medians))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Timeline):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, column), getattr(other, column))
            for column in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, eq=False)
class LeadTimes:
    """The lead times that count, in any order.

    ``deployments`` are positions in the columns that they were taken from, ``iids`` those of their
    merge requests.
    """

    deployments: Integers
    iids: Integers
    seconds: Numbers


def lead_times(columns: DeploymentColumns, rules: LeadTimeRules) -> LeadTimes:
    """Return the lead time of each merge request that counts."""
    kinds = [rules.counts(*one) for one in columns.kinds_of_changes]
    counting = np.array(kinds, np.bool_)[columns.kinds]
    if not rules.include_first:
        counting &= columns.first[columns.deployments] == 0
    deployments = columns.deployments[counting]
    waited = columns.finished[deployments] - columns.merged_at[counting]
    return LeadTimes(
        deployments, columns.iids[counting], np.maximum(waited, 0) / float(MICROSECONDS)
    )


def timelines(columns: DeploymentColumns, rules: LeadTimeRules) -> dict[int, dict[int, "Timeline"]]:
    """Return the timeline of each environment, by project and environment."""
    order = np.lexsort((columns.ids, columns.finished, columns.environments))
    environments = columns.environments[order]
    begins = np.flatnonzero(np.diff(environments, prepend=environments[:1] - 1))
    finished = columns.finished[order]
    changes = lead_times(columns, rules)
    ranks = _ranks(order)[changes.deployments]
    ordered = np.lexsort((changes.iids, ranks))
    ranks, seconds = ranks[ordered], changes.seconds[ordered]
    cuts = [*begins.tolist(), len(order)]
    rows = ranks.searchsorted(cuts).tolist()
    found: dict[int, dict[int, Timeline]] = {}
    for (begin, end), (first, last) in zip(pairwise(cuts), pairwise(rows), strict=True):
        environment = environments[begin]
        # Copies: a part must not keep the whole in memory.
        found.setdefault(int(columns.projects[order[begin]]), {})[int(environment)] = Timeline(
            finished[begin:end].copy(),
            finished[ranks[first:last]],
            np.broadcast_to(environment, last - first),
            seconds[first:last].copy(),
        )
    return found


def _ranks(order: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return, for each element, its place in an order."""
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks


def quantile(ordered: Sequence[float] | Numbers, fraction: float) -> float:
    """Return the continuous quantile of ascending values, as ``PERCENTILE_CONT`` does.

    Between two neighbours it interpolates linearly.

    Raises:
        ValueError: if there are no values.
    """
    if len(ordered) == 0:
        raise ValueError("no values, no quantile")
    position = fraction * (len(ordered) - 1)
    below = int(position)
    low = float(ordered[below])
    if position == below:
        return low
    return low + (position - below) * (float(ordered[below + 1]) - low)


def aggregate(timeline: Timeline, rows: slice, rules: LeadTimeRules) -> Numbers:
    """Return, ascending, the values over which quantiles are taken, in seconds.

    Args:
        timeline: the lead times.
        rows: those of the period.
        rules: how they are put together.
    """
    if rules.aggregation is Aggregation.DAILY_MEDIANS:
        part = Timeline(
            timeline.finished[:0],
            timeline.deployed_at[rows],
            timeline.environments[rows],
            timeline.seconds[rows],
        )
        return np.sort(part.by_day(rules.zone).seconds)
    return np.sort(timeline.seconds[rows])


def _days_of(moments: Integers, zone: tzinfo) -> Integers:
    """Return, for ascending instants, the begin of the day on which each lies."""
    day, last = day_of(int(moments[0]), zone), day_of(int(moments[-1]), zone)
    begins = np.array(
        [day_begins(day + timedelta(days=one), zone) for one in range((last - day).days + 1)],
        np.int64,
    )
    return begins[np.searchsorted(begins, moments, "right") - 1]


def deployment_frequency(
    timeline: Timeline, periods: Iterable[Bucket], covered_since: Instant
) -> list[int | None]:
    """Return the number of deployments of each bucket, None before the stored history."""
    finished = timeline.finished
    return [
        None
        if bucket.begins < covered_since
        else int(finished.searchsorted(bucket.ends) - finished.searchsorted(bucket.begins))
        for bucket in periods
    ]


def lead_time_for_changes(
    timeline: Timeline, periods: Iterable[Bucket], covered_since: Instant, rules: LeadTimeRules
) -> list[float | None]:
    """Return the median lead time of each bucket in seconds.

    None before the stored history, and where no merge request was deployed.
    """
    moments = timeline.deployed_at
    medians: list[float | None] = []
    for bucket in periods:
        rows = slice(
            int(moments.searchsorted(bucket.begins)), int(moments.searchsorted(bucket.ends))
        )
        known = bucket.begins >= covered_since and rows.start < rows.stop
        medians.append(quantile(aggregate(timeline, rows, rules), 0.5) if known else None)
    return medians


def trailing(
    timeline: Timeline,
    length: timedelta,
    *,
    end: Instant,
    covered_since: Instant,
    rules: LeadTimeRules,
    percentiles: Sequence[int] = PERCENTILES,
) -> Period | None:
    """Return the numbers of the window ``(end - length, end]``, None where it is not covered."""
    begin = end - microseconds(length)
    if begin < covered_since:
        return None
    rows = _trailing(timeline.deployed_at, begin, end)
    values = aggregate(timeline, rows, rules)
    finished = _trailing(timeline.finished, begin, end)
    deployments = finished.stop - finished.start
    return Period(
        deployments=deployments,
        per_day=deployments / (length / timedelta(days=1)),
        lead_time={
            percentile: quantile(values, percentile / 100)
            for percentile in percentiles
            if len(values)
        },
        merge_requests=rows.stop - rows.start,
    )


def linked_share(timeline: Timeline, length: timedelta, *, end: Instant) -> float | None:
    """Return the share, 0 to 1, of the deployments of a trailing window with a merge request.

    It is of the merge requests that the timeline has; None where there is no deployment.
    """
    begin = end - microseconds(length)
    finished = _trailing(timeline.finished, begin, end)
    deployments = finished.stop - finished.start
    if not deployments:
        return None
    rows = _trailing(timeline.deployed_at, begin, end)
    environments, moments = timeline.environments[rows], timeline.deployed_at[rows]
    order = np.lexsort((environments, moments))
    # Two that end at the same moment in one environment are taken for one.
    others = (np.diff(moments[order]) != 0) | (np.diff(environments[order]) != 0)
    brought = min(len(order), 1) + int(np.count_nonzero(others))
    return brought / int(deployments)


def _trailing(moments: Integers, begin: Instant, end: Instant) -> slice:
    """Return which of some ascending instants lie in ``(begin, end]``."""
    return slice(int(moments.searchsorted(begin, "right")), int(moments.searchsorted(end, "right")))


def previous(
    timeline: Timeline,
    length: timedelta,
    *,
    end: Instant,
    covered_since: Instant,
    rules: LeadTimeRules,
    percentiles: Sequence[int] = PERCENTILES,
) -> Period | None:
    """Return the numbers of the window before the trailing one, ``(end - 2W, end - W]``."""
    return trailing(
        timeline,
        length,
        end=end - microseconds(length),
        covered_since=covered_since,
        rules=rules,
        percentiles=percentiles,
    )


def first_deployments(
    deployments: Iterable[tuple[int, Instant]], oldest_id: int | None
) -> frozenset[int]:
    """Return the ids of an environment's first deployments.

    A deployment is first when no success with a smaller id had finished before it: that is how
    GitLab looks for the previous one. There is more than one when a deployment with a smaller id
    was overtaken by a later one.

    Args:
        deployments: id and finish of the environment's stored successes, in any order.
        oldest_id: the smallest id of all its successes, None when nobody knows.
    """
    earliest: Instant | None = None
    first = set()
    for number, finished_at in sorted(deployments):
        if earliest is None and oldest_id is not None and oldest_id < number:
            # The oldest success is no longer stored, so it finished before everything that is.
            break
        if earliest is None or finished_at < earliest:
            first.add(number)
            earliest = finished_at
    return frozenset(first)
