"""Why a number differs from GitLab's: found by changing facts and rules until it does not.

Each reason is a change: of a rule, to GitLab's own, or of facts, to what GitLab can be seen to have
or to lack. A reason is told only if with it, and with all rules as GitLab has them, the facts give
GitLab's number, and without it they do not. Of a day that is not stored whole, because it was not
over or begins before the history, nothing can be computed; that is told last.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from enum import StrEnum
from itertools import combinations

from exporter.dora.calendar import day_begins, day_of
from exporter.dora.facts import Group, LinkMethod, Project
from exporter.explain.facts import TracedDeployment
from exporter.gitlab.dora import ByDay, Metric
from exporter.instant import Instant, microseconds
from exporter.verify.arithmetic import GITLABS, Case, Rules, number, of_day
from exporter.verify.evidence import Evidence

TOLERANCE_SECONDS = 2.0
"""GitLab's rows and the merge times of its GraphQL are in whole seconds."""

_LATE = microseconds(timedelta(hours=1))
"""GitLab computes a day five minutes after a deployment, later where its queues are long."""

_FAR = 10 * 365 * 24 * 3600 * 1_000_000


class Reason(StrEnum):
    """Why a number differs."""

    BEFORE_HISTORY = "before_history"
    AGGREGATION = "aggregation"
    FIRST_DEPLOYMENT = "first_deployment"
    EXCLUDE_AUTHORS = "exclude_authors"
    TARGET_BRANCHES = "target_branches"
    MISSING_LINKS = "missing_links"
    TIMEZONE = "timezone"
    TIER_OVERRIDES = "tier_overrides"
    NEGATIVE_LEAD_TIME = "negative_lead_time"
    LINKS_NOT_READ = "links_not_read"
    FINISH_ESTIMATED = "finish_estimated"
    DELETED_IN_GITLAB = "deleted_in_gitlab"
    GITLAB_IS_LATE = "gitlab_is_late"
    BEFORE_GITLAB_BEGAN = "before_gitlab_began"
    NOT_IN_SCOPE = "not_in_scope"
    DAY_NOT_OVER = "day_not_over"


MEANING = {
    Reason.BEFORE_HISTORY: "the day, or GitLab's part of it, lies before the stored history"
    " (poll.history)",
    Reason.AGGREGATION: "lead_time.aggregation: merge_requests; GitLab takes a median of daily"
    " medians",
    Reason.FIRST_DEPLOYMENT: "lead_time.first_deployment: exclude; GitLab counts the merge requests"
    " of an environment's first deployment",
    Reason.EXCLUDE_AUTHORS: "lead_time.exclude_authors; GitLab counts every author",
    Reason.TARGET_BRANCHES: "lead_time.target_branches; GitLab counts other branches",
    Reason.MISSING_LINKS: "lead_time.missing_links: compare; GitLab links no merge request there",
    Reason.TIMEZONE: "timezone; GitLab's days are those of UTC",
    Reason.TIER_OVERRIDES: "environments.tier_overrides; GitLab has another tier for the"
    " environment",
    Reason.NEGATIVE_LEAD_TIME: "a deployment before its merge counts as 0 here, and as a negative"
    " time in this GitLab",
    Reason.LINKS_NOT_READ: "the merge requests of a deployment were not read yet, or before GitLab"
    " had linked all",
    Reason.FINISH_ESTIMATED: "GitLab did not tell when a deployment finished, which is estimated",
    Reason.DELETED_IN_GITLAB: "GitLab has deleted a deployment or its environment; it is kept here",
    Reason.GITLAB_IS_LATE: "GitLab lists the deployment but has not computed it yet",
    Reason.BEFORE_GITLAB_BEGAN: "GitLab lists the deployment but never computed it: it has no"
    " number of that day or before",
    Reason.NOT_IN_SCOPE: "GitLab counts projects of the group that are not polled (archived,"
    " excluded, or not seen)",
    Reason.DAY_NOT_OVER: "the day was not over at the last poll",
}
"""What each says to people."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One number: of whom, of which day and tier, and what both sides say.

    ``projects`` are those of the subject, ``gitlabs_days`` all that GitLab told of the metric and
    tier.
    """

    subject: Project | Group
    projects: Sequence[Project]
    metric: Metric
    tier: str
    day: date
    gitlab: float | None
    ours: float | None
    gitlabs_days: ByDay


@dataclass(frozen=True, slots=True)
class _Whole:
    """Which of GitLab's days are stored whole."""

    since: Instant
    to: Instant

    def begun(self, day: date) -> bool:
        """Whether the stored history begins before it."""
        return day_begins(day, UTC) >= self.since

    def over(self, day: date) -> bool:
        """Whether it was over at the last poll."""
        return day_begins(day + timedelta(days=1), UTC) <= self.to


_Change = tuple[Reason, Callable[[Case], Case]]


def alike(metric: Metric, one: float | None, other: float | None) -> bool:
    """Whether two numbers are the same, as far as both sides can tell."""
    if metric == "deployment_frequency":
        return (one or 0) == (other or 0)
    if one is None or other is None:
        return one is other
    return abs(one - other) <= TOLERANCE_SECONDS


class Explainer:
    """Finds reasons; ``known_to`` and ``covered_since`` of :meth:`explain` are of the subject."""

    def __init__(self, configured: Rules, evidence: Evidence) -> None:
        self._configured = configured
        self._evidence = evidence

    def explain(
        self,
        cell: Cell,
        deployments: Sequence[TracedDeployment],
        *,
        covered_since: Instant | None,
        known_to: Instant | None,
    ) -> list[Reason]:
        """Return why a number differs, nothing if that is not known.

        Args:
            cell: the number.
            deployments: those stored of its projects on the day and on its neighbours.
            covered_since: where the stored history begins.
            known_to: up to where all of it is known.
        """
        configured = self._configured
        if cell.ours is None and (
            covered_since is None or day_begins(cell.day, configured.zone) < covered_since
        ):
            return [Reason.BEFORE_HISTORY]
        case = Case(deployments, configured)
        whole = _Whole(covered_since or 0, known_to or 0)
        if not alike(cell.metric, number(case, cell.metric, cell.day, cell.tier), cell.ours):
            return []  # the answer is not what the facts give, and no reason is to hide that
        for branches in dict.fromkeys((GITLABS.branches, configured.branches)):
            rules = list(self._changes_of_rules(case, cell, branches))
            for changes in self._changes_of_facts(case, cell):
                found = _least(case, cell, [*rules, *changes])
                if found and (
                    Reason.TIMEZONE not in found or self._fits_elsewhere(case, cell, whole)
                ):
                    return found
        if not whole.begun(cell.day):
            return [Reason.BEFORE_HISTORY]
        return [] if whole.over(cell.day) else [Reason.DAY_NOT_OVER]

    def _fits_elsewhere(self, case: Case, cell: Cell, whole: "_Whole") -> bool:
        """Whether what another zone takes from a day is what GitLab has on the day it goes to."""
        here = of_day(case, cell.day, cell.tier)
        days = {day_of(one.finished_at, UTC) for one in here} - {cell.day}
        return all(
            self._can_be_gitlabs(case, replace(cell, day=day, gitlab=cell.gitlabs_days.get(day)))
            for day in days
            if self._evidence.start <= day <= self._evidence.end
            and whole.begun(day)
            and whole.over(day)
        )

    def _can_be_gitlabs(self, case: Case, cell: Cell) -> bool:
        return any(
            _is_gitlabs(case, cell, [*self._changes_of_rules(case, cell, branches), *changes])
            for branches in dict.fromkeys((GITLABS.branches, self._configured.branches))
            for changes in self._changes_of_facts(case, cell)
        )

    def _changes_of_rules(
        self, case: Case, cell: Cell, branches: frozenset[str]
    ) -> Iterator[_Change]:
        ours = self._configured
        if ours.zone != UTC:
            yield Reason.TIMEZONE, _with_rules(zone=UTC)
        if any(one.tier != one.given_tier for one in case.deployments):
            yield Reason.TIER_OVERRIDES, _with_rules(overrides=False)
        if cell.metric == "deployment_frequency":
            return
        if not ours.daily_medians:
            yield Reason.AGGREGATION, _with_rules(daily_medians=True)
        if ours.excluded_authors:
            yield Reason.EXCLUDE_AUTHORS, _with_rules(excluded_authors=frozenset())
        if branches != ours.branches:
            yield Reason.TARGET_BRANCHES, _with_rules(branches=branches)
        near = {one.id for one in _near(case, cell)}
        if any(
            each.found_by is not LinkMethod.GITLAB
            for one in case.deployments
            if one.id in near
            for each in one.merge_requests
        ):
            yield Reason.MISSING_LINKS, _with_rules(compared=False)
        if not ours.include_first and any(one.first for one in case.deployments if one.id in near):

            def first(each: Case) -> Case:
                read = self._linked(each, lambda one: one.first and one.id in near)
                return replace(read, rules=replace(read.rules, include_first=True))

            yield Reason.FIRST_DEPLOYMENT, first
        unread = {
            one.id
            for one in _near(case, cell)
            if not one.links_final and (ours.include_first or not one.first)
        }
        if unread:
            yield (
                Reason.LINKS_NOT_READ,
                lambda each: self._linked(each, lambda one: one.id in unread),
            )

    def _changes_of_facts(self, case: Case, cell: Cell) -> Iterator[list[_Change]]:
        """Yield what GitLab may have or lack; none of it first, then one after the other."""
        yield []
        if cell.metric == "lead_time_for_changes":
            yield [(Reason.NEGATIVE_LEAD_TIME, _with_rules(negative=True))]
        if isinstance(cell.subject, Group):
            others = self._evidence.of_others(
                cell.subject, cell.projects, cell.metric, cell.tier, cell.day
            )
            if others:
                yield [(Reason.NOT_IN_SCOPE, lambda each: replace(each, others=others))]
        gitlabs = replace(case, rules=replace(GITLABS, branches=case.rules.branches))
        day = of_day(gitlabs, cell.day, cell.tier)
        inexact = [one for one in _near(case, cell) if one.finish_source != "deployment"]
        asked = {one.environment.project_id for one in [*day, *inexact]}
        listed = self._evidence.listed(sorted(asked), cell.day) if asked else None
        if listed is None:
            return
        yield from self._of_listed(cell, day, inexact, listed)

    def _of_listed(
        self,
        cell: Cell,
        day: Sequence[TracedDeployment],
        inexact: Sequence[TracedDeployment],
        listed: set[int],
    ) -> Iterator[list[_Change]]:
        unsure = {one.id for one in inexact}
        missing = [one for one in day if one.id not in listed and one.id not in unsure]
        gone = {one.id for one in missing if self._evidence.deleted(one)}
        if gone:
            yield [(Reason.DELETED_IN_GITLAB, _without(gone))]
        in_day = {one.id for one in day}
        there = in_day & listed
        here, elsewhere = (unsure & listed) - in_day, (unsure & in_day) - listed
        if here or elsewhere or (unsure & there and cell.metric == "lead_time_for_changes"):
            moved = _moved(cell.day, here, elsewhere)
            stretched = _stretched(cell, unsure & listed)
            yield [(Reason.FINISH_ESTIMATED, lambda each: stretched(moved(each)))]
        ordered = sorted((one for one in day if one.id in there), key=lambda one: one.finished_at)
        late = [one for one in ordered if one.finished_at >= self._evidence.asked_at - _LATE]
        for newest in range(1, len(late) + 1):
            yield [(Reason.GITLAB_IS_LATE, _without({one.id for one in late[-newest:]}))]
        if not any(day <= cell.day for day in cell.gitlabs_days if day != cell.day):
            for oldest in range(1, len(ordered) + 1):
                some = {one.id for one in ordered[:oldest]}
                yield [(Reason.BEFORE_GITLAB_BEGAN, _without(some))]

    def _linked(self, case: Case, wanted: Callable[[TracedDeployment], bool]) -> Case:
        return replace(
            case,
            deployments=[
                self._evidence.with_links(one) if wanted(one) else one for one in case.deployments
            ],
        )


def _near(case: Case, cell: Cell) -> list[TracedDeployment]:
    """Return the deployments that count for the day by either side's rules."""
    gitlabs = replace(case, rules=GITLABS)
    found = {
        one.id: one
        for each in (case, gitlabs, replace(case, rules=replace(case.rules, zone=UTC)))
        for one in of_day(each, cell.day, cell.tier)
    }
    close = timedelta(days=1)
    for neighbour in (cell.day - close, cell.day + close):
        found |= {
            one.id: one
            for one in of_day(gitlabs, neighbour, cell.tier)
            if one.finish_source != "deployment"
        }
    return list(found.values())


def _least(case: Case, cell: Cell, changes: Sequence[_Change]) -> list[Reason]:
    """Return the fewest changes that turn ours into GitLab's, none if even all do not."""
    if _is_gitlabs(case, cell, ()) or not _is_gitlabs(case, cell, changes):
        return []
    for size in range(1, len(changes) + 1):
        for some in combinations(changes, size):
            if _is_gitlabs(case, cell, some):
                return [reason for reason, _ in some]
    return []


def _is_gitlabs(case: Case, cell: Cell, changes: Sequence[_Change]) -> bool:
    """Whether the changed facts give GitLab's number by the changed rules."""
    changed = case
    for _, change in changes:
        changed = change(changed)
    value = number(changed, cell.metric, cell.day, cell.tier)
    return alike(cell.metric, value, cell.gitlab)


def _with_rules(**changed: object) -> Callable[[Case], Case]:
    return lambda case: replace(case, rules=replace(case.rules, **changed))  # type: ignore[arg-type]


def _without(ids: set[int]) -> Callable[[Case], Case]:
    return lambda case: replace(
        case, deployments=[one for one in case.deployments if one.id not in ids]
    )


def _moved(day: date, here: set[int], elsewhere: set[int]) -> Callable[[Case], Case]:
    """Put estimated finishes on the day on which GitLab lists them, at the nearest moment."""
    begins = day_begins(day, UTC)
    last = day_begins(day + timedelta(days=1), UTC) - 1

    def change(case: Case) -> Case:
        return replace(
            case,
            deployments=[
                replace(one, finished_at=min(max(one.finished_at, begins), last))
                if one.id in here
                else one
                for one in case.deployments
                if one.id not in elsewhere
            ],
        )

    return change


def _stretched(cell: Cell, ids: set[int]) -> Callable[[Case], Case]:
    """Give estimated finishes the times that explain GitLab's number, if any times do.

    As they go from the merge to long after, the median goes from its least to its most; GitLab's
    must lie between.
    """

    def with_lead_times(case: Case, microseconds_: int) -> Case:
        return replace(
            case,
            deployments=[
                replace(
                    one,
                    merge_requests=tuple(
                        replace(each, merged_at=one.finished_at - microseconds_)
                        for each in one.merge_requests
                        if each.merged_at is not None
                    ),
                )
                if one.id in ids
                else one
                for one in case.deployments
            ],
        )

    def change(case: Case) -> Case:
        if cell.metric == "deployment_frequency":
            return case
        low = number(with_lead_times(case, 0), cell.metric, cell.day, cell.tier)
        high = number(with_lead_times(case, _FAR), cell.metric, cell.day, cell.tier)
        if cell.gitlab is None or low is None or high is None or not low <= cell.gitlab <= high:
            return case
        # Between the two there is a time that gives it.
        below, above = 0, _FAR
        for _ in range(64):
            middle = (below + above) // 2
            value = number(with_lead_times(case, middle), cell.metric, cell.day, cell.tier)
            below, above = (middle, above) if (value or 0.0) < cell.gitlab else (below, middle)
        return with_lead_times(case, above)

    return change
