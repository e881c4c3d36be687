"""Numbers that are carried over are those that would be computed anew."""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.config import Settings
from exporter.dora.facts import Environment
from exporter.ledger import Ledger
from exporter.metrics.carried import Snapshots
from exporter.metrics.snapshot import Snapshot, take_snapshot
from tests.filling import Filling, filled, settings_with, utc

NOW = utc("2026-03-29T00:30")
"""Shortly before clocks go forward, where days of the calendar have 23 hours."""

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SETTINGS = settings_with(windows=["1d", "2d", "7d"])


@pytest.fixture
def facts(tmp_path: Path) -> Iterator[Filling]:
    with filled(tmp_path, NOW) as filling:
        filling.scope(
            {1: "acme/shop/app", 2: "acme/lib", 3: "acme/quiet", 4: "acme/unread"},
            {5: "acme", 6: "acme/shop"},
        )
        yield filling


class Following:
    """Takes snapshots of a store one after the other, and compares each with one computed anew."""

    def __init__(self, facts: Filling, settings: Settings = SETTINGS) -> None:
        self._settings = settings
        self._ledger = Ledger(facts.store, settings)
        self._snapshots = Snapshots(settings)
        self._before = Snapshot(None, (), ())

    def carried(self) -> set[int]:
        """Take the next; return the projects whose rows are those of the one before."""
        view = self._ledger.view()
        taken = self._snapshots.take(view)
        assert taken == take_snapshot(view, self._settings)
        rows = {one.id: found for one, found in self._before.projects if found}
        self._before = taken
        return {one.id for one, found in taken.projects if found is rows.get(one.id)}


def poll_in(facts: Filling, passing: timedelta) -> None:
    facts.clock.present += passing
    facts.poll()


def test_only_what_changed_is_computed(facts: Filling) -> None:
    busy, lib = facts.environment(1), facts.environment(2)
    facts.environment(3)
    facts.deploy(busy, NOW - 3 * HOUR, [NOW - 5 * HOUR])
    facts.deploy(lib, NOW - 3 * HOUR, [NOW - 5 * HOUR])
    facts.poll()
    following = Following(facts)
    assert following.carried() == set()
    poll_in(facts, HOUR)
    assert following.carried() == {1, 2, 3}
    facts.deploy(busy, facts.clock.present - HOUR / 2)
    poll_in(facts, HOUR)
    assert following.carried() == {2, 3}


@pytest.mark.parametrize("border", [DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY])
def test_a_deployment_that_leaves_a_window_changes_numbers(
    facts: Filling, border: timedelta
) -> None:
    """At the very microsecond: windows begin after their begin."""
    facts.deploy(facts.environment(1), NOW, [NOW - HOUR])
    facts.environment(2)
    facts.poll()
    following = Following(facts)
    poll_in(facts, border - HOUR)
    following.carried()
    poll_in(facts, HOUR - timedelta(microseconds=1))
    assert following.carried() == {1, 2}
    poll_in(facts, timedelta(microseconds=1))
    assert following.carried() == {2}
    poll_in(facts, timedelta(microseconds=1))
    assert following.carried() == {1, 2}


@pytest.mark.parametrize("what", ["finishes", "is covered"])
def test_numbers_change_when_the_time_has_come(facts: Filling, what: str) -> None:
    """A deployment finishes that GitLab dated ahead, or the history comes to cover a window."""
    if what == "finishes":
        facts.deploy(facts.environment(1), NOW + HOUR)
    else:
        facts.environment(1, covered_since=NOW - DAY + HOUR, complete=False)
    facts.poll()
    following = Following(facts)
    following.carried()
    poll_in(facts, HOUR / 2)
    assert following.carried() == {1}
    poll_in(facts, HOUR / 2)
    assert following.carried() == set()


def test_a_clock_that_is_set_back_has_all_computed(facts: Filling) -> None:
    facts.deploy(facts.environment(1), NOW - HOUR)
    facts.poll()
    following = Following(facts)
    following.carried()
    poll_in(facts, -2 * HOUR)
    assert following.carried() == set()


def test_another_tier_changes_numbers(facts: Filling) -> None:
    environment = facts.environment(1)
    facts.deploy(environment, NOW - HOUR)
    facts.poll()
    following = Following(facts)
    following.carried()
    staging = Environment(environment, 1, "production", "staging", 1)
    facts.store.readings.save_environments(1, [staging], at=facts.clock.now())
    poll_in(facts, HOUR)
    assert following.carried() == set()


@pytest.mark.parametrize("aggregation", ["merge_requests", "daily_medians"])
@pytest.mark.parametrize("seed", range(3))
def test_a_random_life_has_the_numbers_that_are_computed_anew(
    facts: Filling, seed: int, aggregation: str
) -> None:
    chance = random.Random(seed)
    settings = settings_with(
        windows=["1d", "2d", "7d"],
        lead_time={"aggregation": aggregation},
        timezone="Europe/Berlin",
    )
    environments = [
        facts.environment(
            project, name, tier=tier, covered_since=NOW - chance.random() * 9 * DAY, complete=False
        )
        for project in (1, 2, 3)
        for name, tier in (("production", "production"), ("stage", "staging"), ("eu", "production"))
    ]
    following, carried = Following(facts, settings), 0
    for _ in range(60):
        if chance.random() < 0.4:
            finished_at = facts.clock.present + HOUR * chance.randint(-40, 2)
            merged = [
                finished_at - HOUR * chance.randint(-1, 50) for _ in range(chance.randint(0, 2))
            ]
            facts.deploy(chance.choice(environments), finished_at, merged)
        poll_in(facts, timedelta(minutes=chance.choice([-60, 1, 30, 60, 60, 300, 1440])))
        carried += len(following.carried())
    assert carried > 30
