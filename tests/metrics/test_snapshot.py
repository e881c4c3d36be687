"""From the store to the values of a scrape."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.config import Settings
from exporter.dora.arithmetic import Period
from exporter.instant import from_datetime
from exporter.ledger import Ledger
from exporter.metrics.snapshot import Row, Snapshot, take_snapshot
from tests.filling import LONG_AGO, Filling, filled, settings_with, utc

NOW = utc("2026-03-31T10:00")
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def facts(tmp_path: Path) -> Iterator[Filling]:
    """An empty store with a project in a subgroup, one in its parent, and one not read yet."""
    with filled(tmp_path, NOW) as filling:
        filling.scope(
            {1: "acme/shop/app", 2: "acme/lib", 3: "acme/unread"},
            {5: "acme", 6: "acme/shop", 7: "acme/empty"},
        )
        yield filling


def taken_of(facts: Filling, settings: Settings) -> Snapshot:
    """The snapshot of a store as it is now."""
    return take_snapshot(Ledger(facts.store, settings).view(), settings)


def rows(facts: Filling, settings: Settings | None = None) -> dict[str, dict[str, Row]]:
    """The rows of a snapshot by path and tier."""
    taken = taken_of(facts, settings or settings_with(windows=["1d", "7d"]))
    return {
        **{one.path: {row.tier: row for row in found} for one, found in taken.projects},
        **{one.path: {row.tier: row for row in found} for one, found in taken.groups},
    }


def test_before_the_first_complete_poll_nothing_has_numbers(facts: Filling) -> None:
    """Half-read numbers would be wrong ones."""
    facts.deploy(facts.environment(1), NOW - HOUR)
    taken = taken_of(facts, settings_with())
    assert isinstance(taken, Snapshot)
    assert taken.polled_at is None
    assert [(one.path, list(found)) for one, found in taken.projects] == [
        ("acme/lib", []),
        ("acme/shop/app", []),
        ("acme/unread", []),
    ]


def test_a_project_has_a_row_for_each_tier_of_its_environments(facts: Filling) -> None:
    """Also where nothing was deployed, because 0 is known there."""
    production = facts.environment(1)
    facts.environment(1, "stage", tier="staging")
    facts.deploy(production, NOW - 2 * HOUR, [NOW - 3 * HOUR])
    facts.poll()
    found = rows(facts)["acme/shop/app"]
    assert set(found) == {"production", "staging"}
    hour = dict.fromkeys((50, 75, 95), 3600.0)
    assert found["production"] == Row(
        "production",
        deployments_total=1,
        last_deployment=from_datetime(NOW - 2 * HOUR),
        current={"1d": Period(1, 1.0, hour, 1), "7d": Period(1, 1 / 7, hour, 1)},
        before={"1d": Period(0, 0.0, {}, 0), "7d": Period(0, 0.0, {}, 0)},
        linked={"7d": 1.0},
    )
    assert found["staging"].deployments_total == 0
    assert found["staging"].last_deployment is None
    assert found["staging"].current["7d"].deployments == 0


def test_production_tells_which_share_of_its_deployments_has_merge_requests(
    facts: Filling,
) -> None:
    """Of people and of bots, in the longest window that is known, first deployments included."""
    begin = NOW - 8 * DAY
    production = facts.environment(1, covered_since=begin, complete=False)
    other = facts.environment(1, "live", covered_since=begin, complete=False)
    staging = facts.environment(1, "stage", tier="staging", covered_since=begin, complete=False)
    for environment, ago, merged, author in (
        (production, 1, 2, "ada"),
        (other, 1, 1, "ada"),
        (production, 2, 0, "ada"),
        (production, 3, 1, "renovate-bot"),
        (production, 4, 0, "ada"),
        (production, 7 * 24 + 1, 0, "ada"),
        (staging, 1, 1, "ada"),
    ):
        at = NOW - ago * HOUR
        facts.deploy(environment, at, [at - HOUR] * merged, author=author)
    facts.poll()
    settings = settings_with(
        windows=["1d", "30d", "7d"], lead_time={"exclude_authors": ["renovate-bot"]}
    )
    found = rows(facts, settings)
    assert found["acme/shop/app"]["production"].linked == {"7d": 3 / 5}
    assert found["acme/shop/app"]["staging"].linked == {}
    assert found["acme/shop"]["production"].linked == {}


def test_where_nothing_was_deployed_there_is_no_share(facts: Filling) -> None:
    facts.environment(1)
    facts.poll()
    assert rows(facts)["acme/shop/app"]["production"].linked == {}


def test_a_group_covers_its_subgroups_and_an_empty_one_has_no_rows(facts: Filling) -> None:
    for number, ages in ((1, (1, 30)), (2, (2, 3, 40))):
        environment = facts.environment(number)
        for age in ages:
            facts.deploy(environment, NOW - age * HOUR)
    facts.poll()
    found = rows(facts)
    assert found["acme"]["production"].current["1d"].deployments == 3
    assert found["acme"]["production"].before["1d"].deployments == 2
    assert found["acme"]["production"].deployments_total == 5
    assert found["acme/shop"]["production"].deployments_total == 2
    assert found["acme/empty"] == {}
    assert found["acme/unread"] == {}


def test_windows_hold_what_finished_after_their_begin_until_the_poll(facts: Filling) -> None:
    """(end - W, end], and the window before likewise."""
    environment = facts.environment(1)
    for age in (0 * DAY, DAY - HOUR / 3600, DAY, 2 * DAY - HOUR / 3600, 2 * DAY):
        facts.deploy(environment, NOW - age)
    facts.poll()
    row = rows(facts)["acme/shop/app"]["production"]
    assert row.current["1d"].deployments == 2
    assert row.before["1d"].deployments == 2


def test_windows_that_the_history_does_not_cover_are_absent(facts: Filling) -> None:
    facts.deploy(facts.environment(1, covered_since=NOW - 8 * DAY, complete=False), NOW - HOUR)
    facts.poll()
    found = rows(facts, settings_with(windows=["1d", "7d", "30d"]))
    for path in ("acme/shop/app", "acme/shop"):
        row = found[path]["production"]
        assert (set(row.current), set(row.before)) == ({"1d", "7d"}, {"1d"})
        assert row.deployments_total == 1


def test_a_younger_project_does_not_shorten_its_groups_history(facts: Filling) -> None:
    """GitLab had nothing of it from before: so there was nothing."""
    facts.environment(1, covered_since=LONG_AGO, complete=False)
    facts.environment(2, covered_since=NOW - DAY, complete=True)
    facts.poll()
    group = rows(facts, settings_with(windows=["30d"]))["acme"]["production"]
    assert set(group.before) == {"30d"}


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [
        ({"levels": ["project"]}, {"acme/shop/app": {"production", "staging"}}),
        (
            {"levels": ["group"]},
            {"acme": {"production", "staging"}, "acme/shop": {"production", "staging"}},
        ),
        (
            {"tiers": ["staging"]},
            {one: {"staging"} for one in ("acme/shop/app", "acme", "acme/shop")},
        ),
    ],
)
def test_only_the_levels_and_tiers_that_are_wanted_have_rows(
    facts: Filling, metrics: dict[str, list[str]], shown: dict[str, set[str]]
) -> None:
    facts.deploy(facts.environment(1), NOW - HOUR)
    facts.deploy(facts.environment(1, "stage", tier="staging"), NOW - HOUR)
    facts.poll()
    found = rows(facts, settings_with(metrics=metrics))
    assert {path: set(tiers) for path, tiers in found.items() if tiers} == shown
    # All of them are still polled, and may be stale.
    assert {one.path for one, _ in taken_of(facts, settings_with(metrics=metrics)).projects} == {
        "acme/shop/app",
        "acme/lib",
        "acme/unread",
    }


def test_only_the_percentiles_that_are_wanted_are_taken(facts: Filling) -> None:
    waits = [HOUR * one for one in range(1, 12)]
    facts.deploy(facts.environment(1), NOW - HOUR, [NOW - HOUR - one for one in waits])
    facts.deploy(facts.environment(1), NOW - 36 * HOUR, [NOW - 36 * HOUR - one for one in waits])
    facts.poll()
    chosen = settings_with(windows=["1d"], metrics={"percentiles": [10, 90]})
    numbers = rows(facts, chosen)["acme/shop/app"]["production"]
    expected = {10: 2 * 3600.0, 90: 10 * 3600.0}
    assert numbers.current["1d"].lead_time == expected
    assert numbers.before["1d"].lead_time == expected


def test_the_label_of_a_window_is_as_it_was_written(facts: Filling) -> None:
    facts.environment(1)
    facts.poll()
    found = rows(facts, settings_with(windows=["24h", "1w", "1h30m"]))
    assert list(found["acme/shop/app"]["production"].current) == ["24h", "1w", "1h30m"]


def test_a_project_that_leaves_the_scope_leaves_the_snapshot(facts: Filling) -> None:
    facts.deploy(facts.environment(1), NOW - HOUR)
    facts.poll()
    facts.scope({2: "acme/lib"}, {5: "acme"})
    found = rows(facts)
    assert set(found) == {"acme/lib", "acme"}
    assert found["acme"]["production"].deployments_total == 1, "counters never fall"
