"""Whether what an exporter shows is right, or marked as stale."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from exporter.instant import Instant, to_datetime
from exporter.simulator import World
from tests.oracle.brute_force import BruteForce
from tests.oracle.question import METRICS, Question
from tests.poller.driven_exporter import DrivenExporter, Samples

SETTLED = timedelta(minutes=5)
"""GitLab links merge requests within it; before, no lead time is shown."""

ESTIMATED = 0.1
"""Seconds by which a time may be off while GraphQL fails: the end of a job stands for that of its
deployment, and the simulated one ends up to 62 ms before."""

_PATHS = {"project", "group"}

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Judge:
    """Compares what is shown after a poll with plain loops over the world at that moment."""

    def __init__(self, exporter: DrivenExporter, world: World, config: Mapping[str, Any]) -> None:
        self._exporter = exporter
        self._world = world
        self._config = config
        self._totals: Samples = {}
        self.judged = 0
        """Projects whose numbers had to be right, and were."""
        self.marked = 0
        """Projects whose numbers were wrong, and marked."""
        self.undecided = 0
        """Projects whose merge requests became final while the poll ran."""
        self.groups_judged = 0

    def flaws(self, *, early: bool = False) -> list[str]:
        """Return what is wrong in what is shown now; a poll has just ended.

        Args:
            early: whether some answer told too early a time, so that merge requests are rightly
                not taken for final yet.
        """
        samples = self._exporter.samples()
        found = list(self._falling(samples))
        view, status = self._exporter.service.view, self._exporter.service.status.view()
        stale = samples["gitlab_dora_exporter_stale_projects", frozenset()]
        up = samples["gitlab_dora_exporter_up", frozenset()]
        scope = {one.id: one for one in view.scope.projects}
        if not up or view.polled_at is None:
            # All numbers are as of the last success, whose time is shown.
            if stale < len(scope):
                found.append(f"down, but only {stale} of {len(scope)} projects are stale")
            return found
        fresh = {
            one.id
            for one in scope.values()
            if one.polled_at == view.polled_at and one.id not in status.failing
        }
        oracle = self._oracle(view.polled_at)
        undecided = self._undecided(view.polled_at)
        if early:
            undecided |= self._waiting()
        expected = _by_project(oracle.gauges())
        shown = _by_project(samples)
        marked = 0
        for number in scope:
            differences = list(_differences(expected[number], shown[number]))
            if number in undecided:
                self.undecided += 1
            elif not differences:
                self.judged += 1
            elif number in fresh:
                found.append(f"project {number} at {to_datetime(view.polled_at)}: {differences}")
            else:
                marked += 1
        self.marked += marked
        if marked > stale:
            found.append(f"{marked} projects have wrong numbers, {stale} are called stale")
        known = {number: one.path for number, one in scope.items()}
        there = {number: one.path for number, one in oracle.projects.items()}
        if not stale and not undecided and known == there:  # discovery looks once an hour
            found += self._of_groups(oracle, samples)
        return found

    def answers(self) -> list[str]:
        """Return what is wrong in the answers of the JSON API; all must be right."""
        at = self._exporter.service.view.polled_at
        assert at is not None
        oracle = self._oracle(at)
        found = []
        for kind, number, labels in oracle.levels():
            for metric in METRICS:
                for tier in oracle.tiers_of(oracle.members(kind, number)):
                    path = labels["project" if kind == "project" else "group"]
                    start = oracle.today - timedelta(days=20)
                    question = Question(
                        "project" if kind == "project" else "group",
                        *(number, path, metric, "daily", (tier,), start, oracle.today),
                    )
                    told = self._exporter.page(question.url()).json()
                    series = oracle.answer(question)
                    if told != [{day.isoformat(): value} for day, value in series]:
                        found.append(f"{question.url()}: {told}, not {series}")
        return found

    def _oracle(self, at: Instant) -> BruteForce:
        now = to_datetime(at)
        oracle = BruteForce(self._world, self._config, now)
        oracle.facts = [
            replace(one, lead_times=()) if now - one.deployment.finished_at < SETTLED else one
            for one in oracle.facts
        ]
        return oracle

    def _undecided(self, at: Instant) -> set[int]:
        """Return the projects with merge requests that became final while the poll ran."""
        began, ended = to_datetime(at) - SETTLED, self._world.clock() - SETTLED
        return {
            one.project.id
            for one in self._world.deployments.values()
            if one.finished_at and began - timedelta(seconds=2) < one.finished_at <= ended
        }

    def _waiting(self) -> set[int]:
        """Return the projects with merge requests that are still to be read."""
        unsettled = self._exporter.service.store.links.unsettled(include_first=False)
        return {one.project_id for one in unsettled}

    def _of_groups(self, oracle: BruteForce, samples: Samples) -> Iterator[str]:
        def of_groups(all_of: Mapping[Any, float]) -> Numbers:
            return {
                key: value
                for key, value in all_of.items()
                if key[0].startswith("gitlab_dora_group_") and not key[0].endswith("_total")
            }

        self.groups_judged += 1
        yield from _differences(of_groups(oracle.gauges()), of_groups(samples))

    def _falling(self, samples: Samples) -> Iterator[str]:
        """Tell of counters that fell."""
        totals = {key: value for key, value in samples.items() if key[0].endswith("_total")}
        for key, value in totals.items():
            if value < self._totals.get(key, 0):
                yield f"{key} fell from {self._totals[key]} to {value}"
        self._totals = totals


def _by_project(samples: Mapping[Any, float]) -> dict[int, Numbers]:
    """Return the numbers of each project; paths may change between two discoveries."""
    found: dict[int, Numbers] = defaultdict(dict)
    for (name, labels), value in samples.items():
        if name.startswith("gitlab_dora_project_"):
            number = next(int(text) for label, text in labels if label == "project_id")
            kept = frozenset((label, text) for label, text in labels if label not in _PATHS)
            found[number][name, kept] = value
    return found


def _differences(expected: Numbers, shown: Numbers) -> Iterator[str]:
    for key in sorted(expected.keys() | shown.keys(), key=str):
        one, other = expected.get(key), shown.get(key)
        if one is None or other is None or not _same(key[0], one, other):
            yield f"{key[0]}{dict(key[1])}: {other}, not {one}"


def _same(name: str, one: float, other: float) -> bool:
    if name.endswith("_seconds"):
        return math.isclose(one, other, rel_tol=0, abs_tol=ESTIMATED)
    return one == other
