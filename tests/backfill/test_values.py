"""Each day's values are those that a scrape would have read, had the poll been at its end."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from exporter.config import Settings
from exporter.dora.facts import Environment
from exporter.instant import from_datetime
from tests.backfill.plain import WINDOWS, fill
from tests.backfill.text import Series, by_moment, kinds, parsed, write
from tests.filling import Filling, filled, opened, settings_with, utc

NOW = utc("2026-05-10T10:00")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def facts(tmp_path: Path) -> Iterator[Filling]:
    with filled(tmp_path, NOW) as filling:
        yield filling


def settings_of(folder: Path, **sections: object) -> Settings:
    given = {"store": {"url": f"sqlite:///{folder / 'dora.db'}"}, "windows": [*WINDOWS], **sections}
    return settings_with(**given)  # type: ignore[arg-type]


def scraped(facts: Filling, settings: Settings) -> str:
    with opened(facts.store, facts.clock, settings) as client:
        return client.get("/metrics", headers={"Accept": OPEN_METRICS}).text


def shown(text: str) -> dict[Series, float]:
    """The samples of projects and groups in what was scraped."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parsed(text)
        for sample in family.samples
        if sample.name.startswith(("gitlab_dora_project_", "gitlab_dora_group_"))
    }


def valued(name: str, values: dict[Series, float], **labels: str) -> float | None:
    """The one value of a metric with at least these labels, None if there is none."""
    found = [
        value for (one, own), value in values.items() if one == name and labels.items() <= {*own}
    ]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    "zone",
    [
        pytest.param("UTC", marks=pytest.mark.long),
        "Europe/Berlin",
        pytest.param("Africa/Cairo", marks=pytest.mark.long),
    ],
)
def test_every_day_has_the_values_of_its_end(facts: Filling, tmp_path: Path, zone: str) -> None:
    """Days of 23 hours, and days that begin at one o'clock, among them."""
    first, days = date(2026, 3, 20), 52
    start = datetime.combine(first, time(), ZoneInfo(zone)).astimezone(NOW.tzinfo)
    company = fill(facts, start, days, Random(zone))
    found = by_moment(write(settings_of(tmp_path, timezone=zone), tmp_path / "out.om"))
    ends = [
        datetime.combine(first + timedelta(days=n), time(), ZoneInfo(zone)).astimezone(NOW.tzinfo)
        for n in range(1, days)
    ]
    assert sorted(found) == [one.timestamp() for one in (*ends, NOW)]
    for moment in (*ends, NOW):
        expected = company.expected(moment)
        assert found[moment.timestamp()].keys() == expected.keys()
        assert found[moment.timestamp()] == pytest.approx(expected, rel=1e-12)


def test_it_has_what_scrapes_have_and_no_more(facts: Filling, tmp_path: Path) -> None:
    first = NOW - 30 * DAY
    fill(facts, first.replace(hour=0), 30, Random(1))
    wanted = {"levels": ["group"], "tiers": ["production", "other"], "percentiles": [10, 50]}
    settings = settings_of(tmp_path, metrics=wanted)
    found = by_moment(write(settings, tmp_path / "out.om"))
    expected = shown(scraped(facts, settings))
    assert found[NOW.timestamp()] == expected
    labels = [dict(own) for _, own in expected]
    assert {one["percentile"] for one in labels if "percentile" in one} == {"10", "50"}
    assert {one["environment_tier"] for one in labels} <= {"production", "other"}
    assert not any("project" in one for one in labels)


@pytest.mark.parametrize("aggregation", ["merge_requests", "daily_medians"])
@pytest.mark.parametrize(
    "now",
    [
        pytest.param(NOW + timedelta(milliseconds=250), marks=pytest.mark.long),
        pytest.param(NOW, marks=pytest.mark.long),
        pytest.param(utc("2026-05-10"), marks=pytest.mark.long),
    ],
)
def test_the_last_moment_is_what_a_scrape_shows(
    facts: Filling, tmp_path: Path, now: datetime, aggregation: str
) -> None:
    """To the last bit, whatever became of projects, environments and counters."""
    facts.clock.present = now - 3 * DAY
    fill(facts, utc("2026-03-20"), 40, Random(3))
    moved = facts.environment(2, "edge", tier="testing")
    facts.deploy(moved, now - 4 * DAY, [now - 5 * DAY])
    facts.store.readings.save_environments(
        2, [Environment(moved, 2, "edge", "development", 1)], at=from_datetime(now)
    )
    # Since then GitLab lets us read only one project, the others keep their values.
    facts.clock.present = now
    facts.deploy(facts.environment(2, "late"), now - HOUR, [now - 2 * HOUR])
    facts.store.scope.save_poll(from_datetime(now), [2])
    settings = settings_of(tmp_path, lead_time={"aggregation": aggregation})
    text, scrape = write(settings, tmp_path / "out.om"), scraped(facts, settings)
    found = by_moment(text)
    assert max(found) == now.timestamp()
    assert found[now.timestamp()] == shown(scrape)
    assert len(found[now.timestamp()]) > 100
    assert kinds(text) == kinds(scrape)


@pytest.mark.parametrize(
    "days", [1, *(pytest.param(one, marks=pytest.mark.long) for one in (12, 30))]
)
def test_an_earlier_scrape_showed_the_same(facts: Filling, tmp_path: Path, days: int) -> None:
    """A poll right at a day's end, and a backfill weeks later."""
    facts.clock.present = utc("2026-05-01") - days * DAY
    fill(facts, utc("2026-02-20"), 40, Random(days))
    settings = settings_of(tmp_path)
    then = shown(scraped(facts, settings))
    facts.clock.present = NOW
    facts.poll()
    late = facts.environment(1, covered_since=utc("2026-02-20"))
    facts.deploy(late, NOW - HOUR, [NOW - 2 * HOUR])
    facts.poll()
    found = by_moment(write(settings, tmp_path / "out.om"))
    assert found[(utc("2026-05-01") - days * DAY).timestamp()] == then


def test_counters_never_fall_and_end_at_the_stored_one(facts: Filling, tmp_path: Path) -> None:
    """Also where an environment brought more history into a tier than was counted for it."""
    facts.scope({1: "acme/app"}, {})
    environment = facts.environment(1, covered_since=utc("2026-05-01"))
    for n in range(5):
        facts.deploy(environment, utc("2026-05-02T12:00") + n * DAY)
    facts.store.readings.save_environments(
        1, [Environment(environment, 1, "production", "staging", 1)], at=from_datetime(NOW)
    )
    stage = facts.environment(1, "stage", tier="staging", covered_since=utc("2026-05-01"))
    facts.deploy(stage, utc("2026-05-08T12:00"))
    facts.poll()
    found = by_moment(write(settings_of(tmp_path), tmp_path / "out.om"))
    totals = {
        tier: [
            valued("gitlab_dora_project_deployments_total", found[one], environment_tier=tier)
            for one in sorted(found)
        ]
        for tier in ("production", "staging")
    }
    assert totals == {"production": [5.0] * 10, "staging": [0.0] * 7 + [1.0] * 3}


def test_what_retention_took_is_absent_but_counted(facts: Filling, tmp_path: Path) -> None:
    facts.scope({1: "acme/app"}, {})
    environment = facts.environment(1, covered_since=utc("2026-04-01"))
    for n in range(30):
        facts.deploy(environment, utc("2026-04-05T12:00") + n * DAY, [utc("2026-04-01")])
    facts.poll()
    facts.store.readings.prune(from_datetime(utc("2026-05-02T10:00")))
    found = by_moment(write(settings_of(tmp_path), tmp_path / "out.om"))
    first, second = sorted(found)[:2]
    assert first == utc("2026-05-03").timestamp()
    name = "gitlab_dora_project_recent_deployments"
    # The first day is known by half.
    assert valued(name, found[first], window="1d") is None
    assert valued(name, found[second], window="1d") == 1
    assert valued("gitlab_dora_project_deployments_total", found[first]) == 28
    assert valued("gitlab_dora_project_deployments_total", found[max(found)]) == 30


def test_windows_that_the_history_does_not_cover_are_absent(facts: Filling, tmp_path: Path) -> None:
    facts.scope({1: "acme/app"}, {})
    facts.environment(1, covered_since=utc("2026-05-01"))
    facts.poll()
    found = by_moment(write(settings_of(tmp_path), tmp_path / "out.om"))
    for name, days in (("recent", 7), ("previous", 14)):
        has = [
            one
            for one in sorted(found)
            if valued(f"gitlab_dora_project_{name}_deployments", found[one], window="7d") == 0
        ]
        covered = (utc("2026-05-01") + days * DAY).timestamp()
        assert has == [one for one in found if one >= covered]
    assert [one for one in found if one >= (utc("2026-05-01") + 7 * DAY).timestamp()]


def test_what_is_young_can_be_left_out(facts: Filling, tmp_path: Path) -> None:
    """The end of the history overlaps what a running Prometheus holds in memory."""
    fill(facts, utc("2026-04-20"), 10, Random(1))
    settings = settings_of(tmp_path)
    everything = by_moment(write(settings, tmp_path / "out.om", clock=facts.clock))
    older = by_moment(write(settings, tmp_path / "out.om", clock=facts.clock, skip_last=3 * HOUR))
    assert {one: everything[one] for one in everything if one < NOW.timestamp()} == older
    assert len(everything) == len(older) + 1
