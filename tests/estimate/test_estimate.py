"""What is estimated is what happens then: six estates of different size, within a quarter."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from exporter.estimate import estimate
from exporter.estimate.estate import MOST_REQUESTS, MOST_REQUESTS_ONE_BY_ONE
from exporter.simulator import SimulatedGitLab, World
from tests.clock import FakeClock
from tests.estimate.estates import Estate
from tests.estimate.reality import live, settings_of
from tests.webhook.payloads import SECRET

SHARE = 0.25


@dataclass(frozen=True)
class Case:
    """An estate: how it is made and configured, and for how long it is watched."""

    name: str
    fill: Callable[[Estate], None]
    hours: int
    changes: dict[str, Any] = field(default_factory=dict)
    graphql: bool = True


def small(estate: Estate) -> None:
    estate.add(5, pace=3.0)


def old(estate: Estate) -> None:
    estate.add(40, pace=0.5)


def middle(estate: Estate) -> None:
    estate.add(150, pace=1.0, review_apps=6)


def hooked(estate: Estate) -> None:
    estate.add(150, pace=1.0)


def two_groups(estate: Estate) -> None:
    estate.add(300, pace=0.3)
    estate.add(120, pace=2.0, group="other")
    estate.add(20, pace=1.0, group="big/sandbox")


def large(estate: Estate) -> None:
    estate.add(1000, pace=0.6)


CASES = [
    Case("5 projects", small, hours=6),
    pytest.param(Case("40 projects, REST", old, hours=4, graphql=False), marks=pytest.mark.long),
    pytest.param(Case("150 projects, review apps", middle, hours=3), marks=pytest.mark.long),
    pytest.param(
        Case(
            "420 projects in two groups",
            two_groups,
            hours=2,
            changes={
                "groups": [{"path": "big"}, {"path": "other"}],
                "exclude": ["^big/sandbox/"],
                "windows": ["7d", "30d"],
                "metrics": {"tiers": ["production"]},
            },
        ),
        marks=pytest.mark.long,
    ),
    pytest.param(
        Case(
            "150 projects with webhooks", hooked, hours=6, changes={"webhook": {"secret": SECRET}}
        ),
        marks=pytest.mark.long,
    ),
    pytest.param(Case("1,000 projects", large, hours=2), marks=pytest.mark.long),
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_estimate_is_what_happens_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: Case
) -> None:
    clock = FakeClock()
    world = World(clock)
    world.features.graphql = case.graphql
    estate = Estate(world, clock, seed=len(case.name))
    case.fill(estate)
    database = tmp_path / "dora.db"
    with SimulatedGitLab(world) as gitlab:
        settings = settings_of(gitlab, database, case.changes)
        told = estimate(settings, settings.gitlab.token_source(), clock)
        assert told.requests_made == len(gitlab.requests)
        assert told.requests_made <= (MOST_REQUESTS if case.graphql else MOST_REQUESTS_ONE_BY_ONE)
        real = live(estate, gitlab, clock, settings, database=database, hours=case.hours)
    rows = [
        ("requests of the first poll", told.first_poll_requests, real.first_poll_requests),
        ("seconds of the first poll", told.first_poll_seconds, real.first_poll_seconds),
        ("requests an hour", told.requests_per_hour, real.requests_per_hour),
        ("series", told.series, real.series),
        ("stored deployments", told.deployments, real.deployments),
    ]
    with capsys.disabled():
        sys.stdout.write(f"\n{case.name}: {told.requests_made} requests for the estimate\n")
        for name, expected, happened in rows:
            off = expected / happened - 1
            sys.stdout.write(f"  {name:28}{expected:10,.0f}{happened:10,.0f}{off:+8.0%}\n")
    for name, expected, happened in rows:
        assert expected == pytest.approx(happened, rel=SHARE), name


def test_a_part_of_the_rate_limit_is_left_for_others(tmp_path: Path) -> None:
    clock = FakeClock()
    world = World(clock)
    world.features.graphql = False
    world.features.rate_limit_per_minute = 10
    Estate(world, clock, seed=1).add(8, pace=0.5)
    with SimulatedGitLab(world) as gitlab:
        settings = settings_of(gitlab, tmp_path / "dora.db", {})
        told = estimate(settings, settings.gitlab.token_source(), clock)
        spent = Counter(int(one.at.timestamp() // 60) for one in gitlab.requests)
    assert told.requests_made > 10
    assert max(spent.values()) <= 9
