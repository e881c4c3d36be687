"""Explanations of generated GitLabs: their parts make the numbers, and nothing is passed over."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from exporter.explain.facts import Mark, Reason
from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.generator import generate
from tests.explain.rebuilding import Bucket, explained
from tests.oracle.brute_force import BruteForce
from tests.oracle.case import Case, draw_case, draw_questions
from tests.oracle.polled import PolledExporter, polled_exporter
from tests.oracle.question import Question

HAPPENING = {*map(str, Reason), *map(str, Mark)} - {
    # Nothing here is asked while it is read, and all that is read was merged.
    *("after_last_poll", "links_not_read", "links_not_final", "no_merge_time")
}


def company(seed: int, *, days: int, **lead_time: Any) -> Case:
    """Return a company with people and bots, deployed for some days."""
    now = datetime(2025, 11, 7, 12, tzinfo=UTC)
    world = World(clock=lambda: now)
    generate(world, seed=seed, days=days)
    config = {
        "groups": [{"path": "acme", "include_subgroups": True, "archived": True}],
        "projects": [],
        "exclude": [],
        "poll": {"history": f"{days}d"},
        "environments": {"tier_overrides": [{"match": "^stag", "tier": "production"}]},
        "lead_time": {
            "first_deployment": "exclude",
            "target_branches": [],
            "exclude_authors": [],
            **lead_time,
        },
        "timezone": "America/New_York",
        "windows": ["30d"],
        "api": {"auth": "none", "payload": "key_value"},
    }
    return Case(seed, world, now, config)


def ask(
    case: Case, folder: Path, aggregation: str, number: int, *, groups_only: bool = False
) -> list[Bucket]:
    """Return the buckets of some random questions, each of which holds what it must."""
    oracle = BruteForce(case.world, case.config, case.now)
    projects = {one.id: one.path for one in oracle.projects.values()}
    groups = {one.id: one.path for one in oracle.groups.values()}
    questions = draw_questions(case, {"project": projects, "group": groups})
    found: list[Bucket] = []
    with SimulatedGitLab(case.world) as gitlab:
        settings = case.settings(gitlab.url, folder / "dora.db", aggregation=aggregation)
        with polled_exporter(settings, case.now) as exporter:
            # Of one tier and a few days there is often nothing.
            several = [
                one
                for one in questions
                if len(one.tiers) > 1 and not (groups_only and one.kind == "project")
            ]
            for one in Random(case.seed).sample(several, min(number, len(several))):
                year = replace(one, start=oracle.today - timedelta(days=366), end=oracle.today)
                found += _buckets(exporter, case, oracle, year)
    return found


def _buckets(
    exporter: PolledExporter, case: Case, oracle: BruteForce, question: Question
) -> Iterable[Bucket]:
    url = question.url().replace("&payload=key_value", "").replace("&payload=date_value", "")
    found = explained(exporter.get, url)
    if question.metric == "lead_time_for_changes":
        _nothing_is_passed_over(case, oracle, question, found)
    return found


def _nothing_is_passed_over(
    case: Case, oracle: BruteForce, question: Question, found: Iterable[Bucket]
) -> None:
    """Every merge request of a deployment of the range is in the explanation, or its deployment."""
    parts = [part for one in found for part in one.parts]
    linked = {
        (part["deployment"]["id"], part["merge_request"]["iid"])
        for part in parts
        if part["merge_request"]
    }
    unread = {
        part["deployment"]["id"]
        for part in parts
        if not part["merge_request"]
        and (part["deployment"]["first"] or part["reason"] == "links_not_read")
    }
    shown = {part["deployment"]["id"] for part in parts}
    assert question.start is not None
    assert question.end is not None
    for fact in oracle.facts:
        in_range = question.start <= fact.day <= question.end
        ours = fact.project_id in oracle.members(question.kind, question.id)
        if not (in_range and ours and fact.tier in question.tiers):
            continue
        deployment = fact.deployment.id
        assert deployment in shown
        if deployment not in unread:
            brought = case.world.deployments[deployment].merge_requests
            assert {(deployment, one.iid) for one in brought} <= linked


def judge(found: Iterable[Bucket], rng: Random) -> Counter[str]:
    """Hold 100 random buckets that hold something to their numbers; count what happened."""
    full = [one for one in found if one.parts]
    chosen = rng.sample(full, 100)
    assert [flaw for one in chosen if (flaw := one.flaw())] == []
    lead_times = [one for one in chosen if one.metric == "lead_time_for_changes" and one.answered]
    assert len(lead_times) >= 20
    happened: Counter[str] = Counter()
    for one in full:
        assert one.flaw() is None
        happened.update([*one.totals["left_out"], *one.totals["marked"]])
    return happened


@pytest.mark.parametrize(
    "aggregation", ["merge_requests", pytest.param("daily_medians", marks=pytest.mark.long)]
)
def test_parts_make_the_numbers(aggregation: str, tmp_path: Path) -> None:
    case = company(4, days=40, exclude_authors=["renovate-bot"])
    judge(ask(case, tmp_path, aggregation, 12, groups_only=True), Random(1))


@pytest.mark.long
@pytest.mark.parametrize("aggregation", ["merge_requests", "daily_medians"])
def test_parts_make_the_numbers_of_many(aggregation: str, tmp_path: Path) -> None:
    cases = [company(5, days=90, target_branches=["main"]), *map(draw_case, range(24))]
    found: list[Bucket] = []
    for number, case in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        found += ask(case, folder, aggregation, 40)
    happened = judge(found, Random(3))
    assert happened.keys() >= HAPPENING
