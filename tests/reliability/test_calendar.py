"""Days on which calendars are odd, whatever time zone the process runs in: GitLab's days are UTC.

The exporter is polled through each of these nights, and the numbers must be those of plain loops
over days in UTC (:mod:`tests.oracle.brute_force`).
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter.clock import SystemClock
from exporter.simulator import SimulatedGitLab, World
from tests.clock import FakeClock
from tests.oracle.brute_force import BruteForce
from tests.oracle.comparison import sample_differences
from tests.oracle.question import INTERVALS, METRICS, Question
from tests.poller.driven_exporter import DrivenExporter, settings_for
from tests.poller.estate import HOUR, add_app, deploy

NIGHTS = {
    "clocks forward": datetime(2025, 3, 30, tzinfo=UTC),
    "clocks back": datetime(2025, 10, 26, tzinfo=UTC),
    "leap day": datetime(2024, 2, 29, tzinfo=UTC),
    "day after the leap day": datetime(2024, 3, 1, tzinfo=UTC),
    "no leap day": datetime(2026, 3, 1, tzinfo=UTC),
    "year's end": datetime(2026, 1, 1, tzinfo=UTC),
    "end of a leap year": datetime(2025, 1, 1, tzinfo=UTC),
}
"""The midnight in UTC around which things happen; European clocks change an hour after it."""

ZONES = ("Europe/Berlin", "America/New_York", "Pacific/Kiritimati")
"""Of the process: with daylight saving, behind UTC, and 14 hours ahead of it."""

CONFIG: dict[str, Any] = {
    "groups": [{"path": "acme", "include_subgroups": True, "archived": False}],
    "projects": [],
    "exclude": [],
    "poll": {"history": "95d", "freshness": "1s"},
    "environments": {"tier_overrides": []},
    "lead_time": {"first_deployment": "exclude", "target_branches": [], "exclude_authors": []},
    "windows": ["1d", "7d", "30d"],
    "api": {"auth": "none", "payload": "key_value"},
}


_POLLED = (0, 15, 25, 26, 28)
"""After how many hours it is polled; the day ends after 25, European clocks change after 26."""

QUICK = [("clocks forward", ZONES[0]), ("leap day", ZONES[2])]


@pytest.fixture
def process_zone(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """Let this process run in a time zone."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def questions(oracle: BruteForce) -> Iterator[Question]:
    """Ask for the days, months and whole of 40 days, and for the default range."""
    start = oracle.today - timedelta(days=40)
    for metric in METRICS:
        for interval in INTERVALS:
            yield Question("project", 1, "acme/app", metric, interval, start=start)
            yield Question("group", 1, "acme", metric, interval)


def differences(exporter: DrivenExporter, world: World, zone: str, now: datetime) -> list[str]:
    """Return what an exporter says that plain loops do not."""
    oracle = BruteForce(world, {**CONFIG, "timezone": zone}, now)
    found = list(sample_differences(oracle.gauges(), exporter.numbers()))
    for question in questions(oracle):
        told = exporter.page(question.url()).json()
        expected = question.document(oracle.answer(question), "key_value")
        if told != expected:
            found.append(f"{question.url()}: {told}, not {expected}")
    return found


def through_the_night(midnight: datetime, zone: str, folder: Path) -> list[str]:
    """Poll through a day of many deployments and the night after it; return what is wrong."""
    clock = FakeClock(midnight - timedelta(hours=26))
    world = World(clock)
    production = add_app(world)
    for days in (2, 3, 28, 29, 30, 31, 59):
        deploy(world, production, 26 * HOUR, finished_at=midnight - timedelta(days=days))
    found = []
    with SimulatedGitLab(world) as gitlab:
        path = folder / f"{zone.replace('/', '-')}.db"
        exporter = DrivenExporter(
            settings_for(gitlab.url, path, {**CONFIG, "timezone": zone}), clock, path
        )
        for hour in range(29):
            # One before, one at and one after each full hour, and so at each change of a clock.
            for seconds in (-1, 0, 1):
                at = clock() + timedelta(seconds=seconds)
                deploy(world, production, HOUR * hour, finished_at=at)
            clock.advance(hours=1)
            if hour in _POLLED:
                assert exporter.poll()
                found += differences(exporter, world, zone, clock())
        exporter.close()
    return found


@pytest.mark.parametrize(("night", "process_zone"), QUICK, indirect=["process_zone"])
@pytest.mark.usefixtures("process_zone")
def test_the_time_zone_of_the_process_does_not_matter(night: str, tmp_path: Path) -> None:
    assert through_the_night(NIGHTS[night], "UTC", tmp_path) == []


@pytest.mark.long
@pytest.mark.parametrize("process_zone", ZONES, indirect=True)
@pytest.mark.parametrize("night", NIGHTS)
@pytest.mark.usefixtures("process_zone")
def test_no_time_zone_of_the_process_matters_on_any_night(night: str, tmp_path: Path) -> None:
    assert through_the_night(NIGHTS[night], "UTC", tmp_path) == []


@pytest.mark.long
@pytest.mark.parametrize("process_zone", ["America/New_York"], indirect=True)
@pytest.mark.parametrize("night", NIGHTS)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Kiritimati"])
@pytest.mark.usefixtures("process_zone")
def test_days_are_those_of_the_configured_zone(night: str, zone: str, tmp_path: Path) -> None:
    assert through_the_night(NIGHTS[night], zone, tmp_path) == []


@pytest.mark.parametrize("process_zone", ZONES, indirect=True)
def test_the_systems_clock_tells_the_same_in_every_zone(process_zone: str) -> None:
    before = time.time()
    told = SystemClock().now() / 1e6
    assert before - 0.001 <= told <= time.time() + 0.001, process_zone
    local = time.localtime(before)
    assert local.tm_gmtoff != 0, "the zone is in force"
