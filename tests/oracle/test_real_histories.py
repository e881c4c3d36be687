"""Two real histories through the whole path: every number as calculated from the files alone.

The table in the documentation comes from the same answers. To write it anew::

    UPDATE_REAL_HISTORIES=1 pytest tests/oracle/test_real_histories.py -k table
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.simulator.histories import load
from tests.oracle.brute_force import Sample, sample
from tests.oracle.comparison import same, sample_differences
from tests.oracle.polled import PolledExporter, polled_exporter
from tests.oracle.question import INTERVALS, METRICS, Interval, Kind, Metric, Question, Value
from tests.oracle.recorded import Numbers, RecordedHistory

ROOT = Path(__file__).parents[2]
HISTORIES = ROOT / "tests" / "data" / "histories"
NAMES = ("kube-state-metrics", "python-gitlab")
NOW = datetime(2026, 9, 1, tzinfo=UTC)
LAST_DAY = date(2026, 8, 31)
BEGIN = NOW.date() - timedelta(days=5000)
YEARS = range(2013, 2027)
BEGIN_MARK, END_MARK = "<!-- real histories -->", "<!-- /real histories -->"


def since(year: int) -> str:
    """Return the length of the window that reaches back to the begin of a year."""
    return f"{(NOW - datetime(year, 1, 1, tzinfo=UTC)).days}d"


WINDOWS = ("30d", "90d", "365d", "2500d", *(since(year) for year in YEARS))


@dataclass(frozen=True)
class Level:
    """A project or the group of both, and what its numbers must be."""

    kind: Kind
    id: int
    path: str
    labels: dict[str, str]
    history: RecordedHistory

    def question(self, metric: Metric, interval: Interval, first: date, last: date) -> Question:
        """Ask about some days, both ends included."""
        return Question(self.kind, self.id, self.path, metric, interval, start=first, end=last)


@dataclass(frozen=True)
class Polled:
    """An exporter that has polled both projects, and what it must say."""

    exporter: PolledExporter
    levels: Sequence[Level]


@pytest.fixture(scope="module")
def gitlab() -> Iterator[SimulatedGitLab]:
    world = World(clock=lambda: NOW)
    for name in NAMES:
        load(world, HISTORIES / f"{name}.json", project_path=f"open/{name}")
    with SimulatedGitLab(world) as server:
        yield server


@pytest.fixture(scope="module", params=["exclude", "include"])
def polled(
    request: pytest.FixtureRequest,
    gitlab: SimulatedGitLab,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Polled]:
    """The exporter, without and with the merge requests of the first deployments."""
    settings = {
        "gitlab": {"url": gitlab.url, "token": DEFAULT_TOKEN, "max_requests_per_second": 1_000_000},
        "groups": ["open"],
        "poll": {"history": "5000d", "retention": "5000d"},
        "lead_time": {"first_deployment": request.param},
        "windows": WINDOWS,
        "store": {"url": f"sqlite:///{tmp_path_factory.mktemp('real') / 'dora.db'}"},
        "api": {"auth": "none", "max_range": "5000d"},
    }
    with polled_exporter(settings, NOW) as exporter:
        yield Polled(exporter, _levels(gitlab.world, include_first=request.param == "include"))


def _levels(world: World, *, include_first: bool) -> list[Level]:
    files = [HISTORIES / f"{name}.json" for name in NAMES]
    levels = []
    for file in files:
        project = world.find_project(f"open/{file.stem}")
        assert project is not None
        labels = {"project_id": str(project.id), "project": project.path, "group": "open"}
        history = RecordedHistory(file, include_first=include_first)
        levels.append(Level("project", project.id, project.path, labels, history))
    group = world.find_group("open")
    assert group is not None
    labels = {"group_id": str(group.id), "group": "open", "level": "0"}
    history = RecordedHistory(*files, include_first=include_first)
    return [*levels, Level("group", group.id, "open", labels, history)]


def _wanted(numbers: Numbers, metric: Metric) -> Value:
    return numbers.deployments if metric == "deployment_frequency" else numbers.median


def _spans(interval: Interval) -> list[tuple[date, date]]:
    """Return the first and last day of every bucket of the whole history."""
    if interval == "all":
        return [(BEGIN, LAST_DAY)]
    days = [BEGIN + timedelta(days=number) for number in range((LAST_DAY - BEGIN).days + 1)]
    if interval == "daily":
        return [(day, day) for day in days]
    months = sorted({day.replace(day=1) for day in days})
    following = [*months[1:], LAST_DAY + timedelta(days=1)]
    ends = [day - timedelta(days=1) for day in following]
    return [(max(begin, BEGIN), end) for begin, end in zip(months, ends, strict=True)]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("interval", INTERVALS)
def test_the_whole_history_is_as_recorded(
    interval: Interval, metric: Metric, polled: Polled
) -> None:
    for level in polled.levels:
        question = level.question(metric, interval, BEGIN, LAST_DAY)
        series = [
            (
                begin if interval != "monthly" else begin.replace(day=1),
                _wanted(level.history.on_days(begin, end), metric),
            )
            for begin, end in _spans(interval)
        ]
        status, answer = polled.exporter.get(question.url())
        assert status == 200
        assert same(question.document(series, "key_value"), answer)
        assert any(value for _, value in series)


@pytest.mark.parametrize("metric", METRICS)
def test_every_year_by_itself_is_as_recorded(metric: Metric, polled: Polled) -> None:
    for level in polled.levels:
        for year in YEARS:
            begin, end = date(year, 1, 1), date(year, 12, 31)
            question = level.question(metric, "all", begin, end)
            status, answer = polled.exporter.get(question.url())
            assert status == 200
            assert same(_wanted(level.history.on_days(begin, end), metric), answer), question


def test_the_trailing_windows_are_as_recorded(polled: Polled) -> None:
    expected: dict[Sample, float] = {}
    for level in polled.levels:
        expected |= _window_samples(level)
    assert len(expected) > 300
    wanted = {name for name, _ in expected}
    shown = polled.exporter.gauges()
    found = {key: value for key, value in shown.items() if key[0] in wanted}
    assert list(sample_differences(expected, found)) == []


def _window_samples(level: Level) -> dict[Sample, float]:
    samples: dict[Sample, float] = {}

    def put(name: str, value: float, **more: str) -> None:
        labels = {**level.labels, "environment_tier": "production", **more}
        samples[sample(f"gitlab_dora_{level.kind}_{name}", labels)] = value

    known_from = NOW - timedelta(days=5000)
    for window in WINDOWS:
        length = timedelta(days=int(window.removesuffix("d")))
        for prefix, end in (("", NOW), ("previous_", NOW - length)):
            if end - length < known_from:
                continue
            numbers = level.history.in_window(end - length, end)
            put(f"{prefix or 'recent_'}deployments", numbers.deployments, window=window)
            name = f"{prefix}lead_time_for_changes"
            put(f"{name}_merge_requests", numbers.merge_requests, window=window)
            for percent, value in numbers.percentiles.items():
                if value is not None:
                    put(f"{name}_seconds", value, window=window, percentile=str(percent))
    return samples


@pytest.mark.parametrize("polled", ["exclude"], indirect=True)
def test_the_documented_table_is_what_the_exporter_says(polled: Polled) -> None:
    expected = "\n".join(_table(polled))
    file = _documented_in()
    before, mark, rest = file.read_text(encoding="utf-8").partition(BEGIN_MARK)
    table, end_mark, after = rest.partition(END_MARK)
    assert mark, f"{file.name} has no {BEGIN_MARK}"
    assert end_mark, f"{file.name} has no {END_MARK}"
    if os.environ.get("UPDATE_REAL_HISTORIES"):
        file.write_text(f"{before}{mark}\n{expected}\n{end_mark}{after}", encoding="utf-8")
    else:
        assert table.strip() == expected


def _documented_in() -> Path:
    readme = ROOT / "README.md"
    if readme.exists() and BEGIN_MARK in readme.read_text(encoding="utf-8"):
        return readme
    return ROOT / "docs" / "real-histories.md"


def _table(polled: Polled) -> Iterator[str]:
    """Give the lines of the table, all numbers from the JSON API and the gauges."""
    yield "| project | year | deployments | per week | merge requests | median lead time |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    gauges = polled.exporter.gauges()
    for level in polled.levels:
        if level.kind == "group":
            continue

        def merge_requests_since(year: int, labels: dict[str, str] = level.labels) -> int:
            if year == YEARS.stop:
                return 0
            more = {"environment_tier": "production", "window": since(year)}
            name = "gitlab_dora_project_lead_time_for_changes_merge_requests"
            return int(gauges[sample(name, {**labels, **more})])

        for year in YEARS:
            days = date(year, 1, 1), min(date(year, 12, 31), LAST_DAY)
            deployments, median = (
                polled.exporter.get(level.question(metric, "all", *days).url())[1]
                for metric in METRICS
            )
            if not deployments:
                continue
            weeks = ((days[1] - days[0]).days + 1) / 7
            changes = merge_requests_since(year) - merge_requests_since(year + 1)
            wait = "none" if median is None else f"{median / 86400:.1f} days"
            name = level.path.rpartition("/")[2]
            cells = name, year, deployments, f"{deployments / weeks:.2f}", changes, wait
            yield f"| {' | '.join(map(str, cells))} |"
