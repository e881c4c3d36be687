"""One number of one day from facts, by rules that can be changed one by one.

Plain loops over the facts: what :mod:`exporter.dora.arithmetic` says of many days at once is said
here of one, so that one serves as a check of the other.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, tzinfo

from exporter.config import Settings
from exporter.dora.arithmetic import quantile
from exporter.dora.calendar import day_of
from exporter.dora.facts import LinkMethod, MergeRequest
from exporter.explain.facts import TracedDeployment
from exporter.gitlab.dora import Metric
from exporter.instant import MICROSECONDS


@dataclass(frozen=True, slots=True)
class Rules:
    """How a number is computed.

    ``overrides`` says that the configuration's tiers count, ``compared`` that merge requests do
    that were found by comparing commits, and ``negative`` that a deployment before the merge keeps
    its negative time.
    """

    daily_medians: bool
    include_first: bool
    branches: frozenset[str]
    excluded_authors: frozenset[str]
    zone: tzinfo
    overrides: bool
    compared: bool
    negative: bool = False

    @classmethod
    def configured(cls, settings: Settings) -> "Rules":
        """Return those of the exporter."""
        lead_time = settings.lead_time
        return cls(
            daily_medians=lead_time.aggregation == "daily_medians",
            include_first=lead_time.first_deployment == "include",
            branches=frozenset(lead_time.target_branches),
            excluded_authors=frozenset(lead_time.exclude_authors),
            zone=settings.timezone,
            overrides=True,
            compared=True,
        )


GITLABS = Rules(
    daily_medians=True,
    include_first=True,
    branches=frozenset(),
    excluded_authors=frozenset(),
    zone=UTC,
    overrides=False,
    compared=False,
)
"""GitLab's own, but that a project may count the merge requests of some branches only."""


@dataclass(frozen=True, slots=True)
class Case:
    """Facts and rules. ``others`` are numbers of projects that the facts do not have."""

    deployments: Sequence[TracedDeployment]
    rules: Rules
    others: Sequence[float] = ()


def of_day(case: Case, day: date, tier: str) -> list[TracedDeployment]:
    """Return the deployments that count for a day and tier."""
    rules = case.rules
    return [
        one
        for one in case.deployments
        if (one.tier if rules.overrides else one.given_tier) == tier
        and day_of(one.finished_at, rules.zone) == day
    ]


def number(case: Case, metric: Metric, day: date, tier: str) -> float | None:
    """Return a day's deployments, or its median lead time in seconds and None if there is none."""
    deployments = of_day(case, day, tier)
    if metric == "deployment_frequency":
        return len(deployments) + sum(case.others)
    by_environment: dict[int, list[float]] = defaultdict(list)
    for one in deployments:
        if one.first and not case.rules.include_first:
            continue
        for merge_request in one.merge_requests:
            seconds = _lead_time(one, merge_request, case.rules)
            if seconds is not None:
                by_environment[one.environment.id].append(seconds)
    if case.rules.daily_medians:
        # GitLab keeps whole seconds, and none below 0.
        medians = [max(0, round(_median(rows))) for rows in by_environment.values()]
        values: list[float] = [*medians, *case.others]
    else:
        values = [seconds for rows in by_environment.values() for seconds in rows]
    return _median(values) if values else None


def _lead_time(
    deployment: TracedDeployment, merge_request: MergeRequest, rules: Rules
) -> float | None:
    if merge_request.merged_at is None or merge_request.author in rules.excluded_authors:
        return None
    if merge_request.found_by is not LinkMethod.GITLAB and not rules.compared:
        return None
    if rules.branches and merge_request.target_branch not in rules.branches:
        return None
    seconds = (deployment.finished_at - merge_request.merged_at) / MICROSECONDS
    return seconds if rules.negative else max(0.0, seconds)


def _median(values: Sequence[float]) -> float:
    return quantile(sorted(values), 0.5)
