"""The numbers of a simulated GitLab by the plainest loops, written apart from the exporter.

It knows what `shared` documents of the product's outside, reads the same configuration, and takes
nothing from the exporter: its own days, its own quantile (in exact fractions), its own scope.
Everything is found by going through everything, so that there is little to get wrong.
"""

import calendar
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from exporter.simulator.records import Group, Project
from exporter.simulator.world import World
from tests.oracle.question import Question, Series, Value
from tests.oracle.wire import (
    ToldDeployment,
    ToldEnvironment,
    ToldMergeRequest,
    told_deployments,
    told_environments,
)

Sample = tuple[str, frozenset[tuple[str, str]]]
"""Name and labels."""

_GUESSES = (
    ("development", ("dev", "review", "trunk")),
    (
        "testing",
        ("test", "tst", "int", "acpt", "accept", "qa", "qc", "control", "quality"),
    ),
    ("staging", ("stg", "stag", "modl", "model", "pre", "demo", "non")),
    ("production", ("prd", "prod", "live")),
)


@dataclass(frozen=True)
class Taken:
    """The lead time of one merge request in one environment, below zero already made zero."""

    seconds: Fraction
    negative: bool


@dataclass(frozen=True)
class Fact:
    """A successful deployment within the stored history, and what it counts for."""

    deployment: ToldDeployment
    project_id: int
    environment: ToldEnvironment
    tier: str
    day: date
    first: bool
    lead_times: tuple[Taken, ...]


class BruteForce:
    """Expected answers and gauges right after a first poll at ``now``."""

    def __init__(self, world: World, config: Mapping[str, Any], now: datetime) -> None:
        self.config = config
        self.now = now
        self.zone = ZoneInfo(config["timezone"])
        self.today = now.astimezone(self.zone).date()
        self.projects = _projects_in_scope(world, config)
        self.groups = _groups_in_scope(world, config)
        self.environments = [
            one for one in told_environments(world) if one.project_id in self.projects
        ]
        self.tiers = {one.id: _tier(one, config) for one in self.environments}
        self.deployments = [
            one for one in told_deployments(world) if one.environment_id in self.tiers
        ]
        # The history begins with a whole day.
        reach = seconds_of(config["poll"]["history"])
        self.first_day = (now - timedelta(seconds=reach)).astimezone(self.zone).date()
        self.facts = [fact for one in self.deployments if (fact := self._fact(one))]

    def members(self, kind: str, number: int) -> set[int]:
        """Return the projects in scope that a project or group stands for."""
        if kind == "project":
            return {number}
        above = self.groups[number].path + "/"
        return {one.id for one in self.projects.values() if one.path.startswith(above)}

    def answer(self, question: Question) -> Series:
        """Return the numbers that answer a question."""
        members = self.members(question.kind, question.id)
        start = question.start or _three_months_before(self.today)
        end = question.end or self.today
        facts = [
            one
            for one in self.facts
            if one.project_id in members and one.tier in question.tiers and start <= one.day <= end
        ]
        series: Series = []
        for name, first, last in _buckets(start, end, question.interval):
            held = [one for one in facts if first <= one.day <= last]
            value: Value = None
            if first >= self.first_day or not members:
                if question.metric == "deployment_frequency":
                    value = len(held)
                else:
                    value = percentile(_seconds(held), 50)
            series.append((name, value))
        return series

    def gauges(self) -> dict[Sample, float]:
        """Return every sample of the families of projects and groups."""
        samples: dict[Sample, float] = {}
        for level, number, labels in self.levels():
            members = self.members(level, number)
            for tier in self.tiers_of(members):
                facts = [one for one in self.facts if one.project_id in members]
                self._samples(
                    samples,
                    level,
                    {**labels, "environment_tier": tier},
                    [one for one in facts if one.tier == tier],
                )
        return samples

    def levels(self) -> list[tuple[str, int, dict[str, str]]]:
        """Return kind, id and labels of every project and group in scope."""
        return [
            *(
                (
                    "project",
                    one.id,
                    {
                        "project_id": str(one.id),
                        "project": one.path,
                        "group": one.path[: one.path.rindex("/")],
                    },
                )
                for one in self.projects.values()
            ),
            *(
                (
                    "group",
                    one.id,
                    {
                        "group_id": str(one.id),
                        "group": one.path,
                        "level": str(len(one.path.split("/")) - 1),
                    },
                )
                for one in self.groups.values()
            ),
        ]

    def tiers_of(self, members: Iterable[int]) -> set[str]:
        """Return the tiers that some projects have environments in."""
        wanted = set(members)
        return {self.tiers[one.id] for one in self.environments if one.project_id in wanted}

    def windows(self) -> list[tuple[str, str, datetime, datetime]]:
        """Return, of each window that the history covers, the prefix of its families.

        Then follow the window as configured, its begin (excluded) and its end (included).
        """
        found = []
        for text in self.config["windows"]:
            length = timedelta(seconds=seconds_of(text))
            for prefix, end in (("", self.now), ("previous_", self.now - length)):
                if self.covers(end - length):
                    found.append((prefix, text, end - length, end))
        return found

    def covers(self, moment: datetime) -> bool:
        """Whether the stored history reaches back to a moment."""
        return moment.astimezone(self.zone).date() >= self.first_day

    def _samples(
        self,
        samples: dict[Sample, float],
        level: str,
        labels: dict[str, str],
        facts: list[Fact],
    ) -> None:
        def put(name: str, value: float, **more: str) -> None:
            samples[sample(f"gitlab_dora_{level}_{name}", {**labels, **more})] = value

        put("deployments_total", len(facts))
        if facts:
            last = max(fact.deployment.finished_at for fact in facts)
            put("last_deployment_timestamp_seconds", last.timestamp())
        for prefix, window, begin, end in self.windows():
            held = [one for one in facts if begin < one.deployment.finished_at <= end]
            counted = prefix or "recent_"
            put(f"{counted}deployments", len(held), window=window)
            if not prefix:
                days = Fraction(seconds_of(window), 86400)
                put("deployment_frequency", float(len(held) / days), window=window)
            seconds = _seconds(held)
            name = f"{prefix}lead_time_for_changes"
            put(f"{name}_merge_requests", len(seconds), window=window)
            for percent in (50, 75, 95):
                value = percentile(seconds, percent)
                if value is not None:
                    put(f"{name}_seconds", value, window=window, percentile=str(percent))

    def _fact(self, one: ToldDeployment) -> Fact | None:
        day = one.finished_at.astimezone(self.zone).date()
        if day < self.first_day:
            return None
        environment = next(each for each in self.environments if each.id == one.environment_id)
        first = not any(
            other.environment_id == one.environment_id
            and other.id < one.id
            and other.finished_at <= one.finished_at
            for other in self.deployments
        )
        rules = self.config["lead_time"]
        counted = []
        if rules["first_deployment"] == "include" or not first:
            counted = [each for each in one.merge_requests if counts(each, rules)]
        return Fact(
            one,
            environment.project_id,
            environment,
            self.tiers[environment.id],
            day,
            first,
            tuple(_taken(each, one.finished_at) for each in counted),
        )


def sample(name: str, labels: Mapping[str, str]) -> Sample:
    """Return the key of a sample."""
    return name, frozenset(labels.items())


def counts(one: ToldMergeRequest, rules: Mapping[str, Any]) -> bool:
    """Whether a merge request counts for the lead time."""
    if one.merged_at is None or one.author in rules["exclude_authors"]:
        return False
    return not rules["target_branches"] or one.target_branch in rules["target_branches"]


def percentile(values: Iterable[Fraction], percent: int) -> float | None:
    """Return the continuous percentile, exact until the last step, None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    position = Fraction(percent, 100) * (len(ordered) - 1)
    low, high = ordered[math.floor(position)], ordered[math.ceil(position)]
    return float(low + (position - math.floor(position)) * (high - low))


def seconds_of(text: str) -> int:
    """Read a duration in days or hours."""
    return int(text[:-1]) * {"d": 86400, "h": 3600}[text[-1]]


def _taken(one: ToldMergeRequest, finished_at: datetime) -> Taken:
    assert one.merged_at is not None
    waited = finished_at - one.merged_at
    exact = Fraction(waited // timedelta(microseconds=1), 1_000_000)
    return Taken(exact, negative=False) if exact >= 0 else Taken(Fraction(0), negative=True)


def _seconds(facts: Iterable[Fact]) -> list[Fraction]:
    return [taken.seconds for fact in facts for taken in fact.lead_times]


def _buckets(start: date, end: date, interval: str) -> list[tuple[date, date, date]]:
    """Return the name, first and last day of each bucket."""
    if interval == "all":
        return [(start, start, end)]
    names: Callable[[date], date] = (
        (lambda day: day) if interval == "daily" else (lambda day: date(day.year, day.month, 1))
    )
    days = [start + timedelta(days=number) for number in range((end - start).days + 1)]
    found = []
    for name in sorted({names(day) for day in days}):
        inside = [day for day in days if names(day) == name]
        found.append((name, min(inside), max(inside)))
    return found


def _three_months_before(day: date) -> date:
    year, month = (day.year, day.month - 3) if day.month > 3 else (day.year - 1, day.month + 9)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _tier(environment: ToldEnvironment, config: Mapping[str, Any]) -> str:
    for override in config["environments"]["tier_overrides"]:
        if re.search(override["match"], environment.name):
            return str(override["tier"])
    if environment.tier is not None:
        return environment.tier
    name = environment.name.lower()
    for tier, parts in _GUESSES:
        if any(part in name for part in parts):
            return tier
    return "other"


def _excluded(path: str, config: Mapping[str, Any]) -> bool:
    return any(re.search(pattern, path) for pattern in config["exclude"])


def _found_by(entry: Mapping[str, Any], world: World) -> list[Project]:
    """Return the projects that a configured group stands for."""
    return [
        one
        for one in world.projects.values()
        if one.namespace.path == entry["path"]
        or (entry["include_subgroups"] and one.path.startswith(entry["path"] + "/"))
        if entry["archived"] or not one.archived
    ]


def _projects_in_scope(world: World, config: Mapping[str, Any]) -> dict[int, Project]:
    wanted = [
        one
        for one in world.projects.values()
        if one.path in config["projects"] or one.id in config["projects"]
    ]
    for entry in config["groups"]:
        wanted += _found_by(entry, world)
    return {one.id: one for one in wanted if not _excluded(one.path, config)}


def _groups_in_scope(world: World, config: Mapping[str, Any]) -> dict[int, Group]:
    """Return the configured groups, and those below that hold one of their projects."""
    wanted = []
    for entry in config["groups"]:
        found = _found_by(entry, world)
        for group in world.groups.values():
            below = entry["include_subgroups"] and group.path.startswith(entry["path"] + "/")
            holds = any(one.path.startswith(group.path + "/") for one in found)
            if group.path == entry["path"] or (below and holds):
                wanted.append(group)
    return {one.id: one for one in wanted if not _excluded(one.path + "/", config)}
