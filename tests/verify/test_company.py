"""A whole company, configured to differ from GitLab: all is explained, and no lie is."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from exporter.simulator.generator import generate
from exporter.verify import Reason
from tests.verify.licensed import Licensed

DIFFERENT: dict[str, Any] = {
    "timezone": "America/New_York",
    "exclude": ["/never$"],
    "lead_time": {"exclude_authors": ["renovate-bot"], "target_branches": ["main"]},
    "environments": {"tier_overrides": [{"match": "^staging", "tier": "testing"}]},
}


def fill(both: Licensed, seed: int, projects: int = 5) -> None:
    generate(both.world, seed=seed, projects=projects, days=40, end=both.clock.ago(minutes=30))


def test_nothing_in_a_company_stays_unexplained(both: Licensed) -> None:
    fill(both, seed=3)
    both.poll(DIFFERENT)
    found = both.compare(days=20, each_project=True)
    reasons = {reason for one in found.differences for reason in one.reasons}
    assert [one for one in found.differences if not one.reasons] == []
    assert reasons >= {Reason.AGGREGATION, Reason.TIMEZONE, Reason.EXCLUDE_AUTHORS}
    assert len(found.differences) < found.numbers


def test_a_part_of_the_rate_limit_is_left_for_others(both: Licensed) -> None:
    """Such as the exporter that runs beside it, and people."""
    fill(both, seed=3)
    both.poll(DIFFERENT)
    both.clock.advance(minutes=1)
    both.world.features.rate_limit_per_minute = 10
    both.gitlab.requests.clear()
    both.compare(days=20)
    spent = Counter(int(one.at.timestamp() // 60) for one in both.gitlab.requests)
    assert len(spent) > 1
    assert max(spent.values()) <= 9


@pytest.mark.long
@pytest.mark.parametrize("graphql", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_nor_in_any_other(both: Licensed, seed: int, *, graphql: bool) -> None:
    """With and without exact finishes."""
    both.world.features.graphql = graphql
    fill(both, seed, projects=14)
    zone = ["UTC", "Asia/Kolkata", "Pacific/Auckland", "America/New_York"][seed % 4]
    both.poll({**DIFFERENT, "timezone": zone, "poll": {"history": "20d"}})
    found = both.compare(days=30, each_project=True)
    assert [one for one in found.differences if not one.reasons] == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
def test_a_fact_that_is_wrong_is_always_found(both: Licensed, seed: int) -> None:
    """One finish of many is moved by an hour to three days, and nothing explains it away."""
    fill(both, seed=3)
    both.poll(DIFFERENT)
    random = Random(seed)
    present = both.world.clock()
    some = [
        one
        for one in both.world.deployments.values()
        if one.status == "success"
        and one.merge_requests
        and one.finished_at is not None
        and 5 <= (present - one.finished_at).days <= 14
        and one.environment.tier == "production"
        and not one.project.archived
    ]
    wrong = random.choice(some)
    hours = random.choice([-1, 1]) * random.randint(3, 72)
    both.corrupt(
        "UPDATE deployments SET finished_at = finished_at + ? WHERE id = ?",
        hours * 3_600_000_000,
        wrong.id,
    )
    found = both.compare(days=20, each_project=True)
    told = [one for one in found.differences if one.subject == wrong.project.path]
    assert [one for one in told if not one.reasons] != []
