"""Gauges and JSON of the exporter against two calculations written apart from it.

Every seed is a simulated GitLab of its own, polled over HTTP by a whole exporter; see
:mod:`tests.oracle.case`. What the exporter then says of ``aggregation: merge_requests`` must be
what plain loops find (:mod:`tests.oracle.brute_force`). An exporter that is restarted on the same
store with ``aggregation: daily_medians`` must say what GitLab's arithmetic gives in PostgreSQL
(:mod:`tests.oracle.gitlab_sql`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.dora import arithmetic
from exporter.simulator import SimulatedGitLab
from exporter.simulator.records import Features
from tests.oracle import wire
from tests.oracle.brute_force import BruteForce
from tests.oracle.case import ZONES, Case, draw_case, draw_questions
from tests.oracle.comparison import differences, sample_differences
from tests.oracle.exercise import HARD_PARTS, hard_parts
from tests.oracle.gitlab_sql import Connection, GitLabSql, gitlab_tables
from tests.oracle.polled import polled_exporter
from tests.oracle.question import Question
from tests.postgres import Server

FEW = range(24)
FEWER = range(0, 24, 3)
MANY = range(24, 240)
CONTROL_SEED = 0


@pytest.fixture(scope="module")
def tables(postgres: Server) -> Iterator[Connection]:
    with gitlab_tables(postgres) as connection:
        yield connection


def oracle_and_questions(case: Case) -> tuple[BruteForce, list[Question]]:
    oracle = BruteForce(case.world, case.config, case.now)
    projects = {one.id: one.path for one in oracle.projects.values()}
    groups = {one.id: one.path for one in oracle.groups.values()}
    return oracle, draw_questions(case, {"project": projects, "group": groups})


def disagreements(
    case: Case,
    tmp_path: Path,
    tables: Connection,
    *,
    every: int,
) -> list[str]:
    """Return what is wrong in both aggregations; ``every`` says how many questions to skip."""
    oracle, questions = oracle_and_questions(case)
    payload = case.config["api"]["payload"]
    database = tmp_path / "dora.db"
    with SimulatedGitLab(case.world) as gitlab:
        with polled_exporter(case.settings(gitlab.url, database), case.now) as exporter:
            found = differences(exporter, oracle, questions[::every], payload)
        medians = case.settings(gitlab.url, database, aggregation="daily_medians")
        with polled_exporter(medians, case.now) as exporter:
            sql = GitLabSql(tables, oracle)
            found += differences(exporter, sql, questions[every // 2 :: every], payload)
    return found


@pytest.mark.parametrize("seed", FEWER)
def test_the_exporter_agrees(seed: int, tmp_path: Path, tables: Connection) -> None:
    assert disagreements(draw_case(seed), tmp_path, tables, every=5) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", [*FEW, *MANY])
def test_the_exporter_agrees_on_many(seed: int, tmp_path: Path, tables: Connection) -> None:
    assert disagreements(draw_case(seed), tmp_path, tables, every=1) == []


def exercised(seeds: Iterable[int]) -> Counter[str]:
    """Count, by hard part, the cases that have it."""
    found: Counter[str] = Counter()
    for seed in seeds:
        case = draw_case(seed)
        found.update(hard_parts(case, *oracle_and_questions(case)).keys())
    return found


def test_the_cases_exercise_every_hard_part() -> None:
    found = exercised(FEW)
    assert found.keys() == HARD_PARTS
    zones = {draw_case(seed).config["timezone"] for seed in FEW}
    assert zones == set(ZONES)


@pytest.mark.long
def test_the_many_cases_exercise_every_hard_part_often() -> None:
    found = exercised([*FEW, *MANY])
    assert {part: found[part] for part in HARD_PARTS if found[part] < 8} == {}


# Negative control: a comparison that finds nothing must be one that would have found something.


@pytest.fixture(scope="module")
def control() -> Case:
    """A case with plain rules, in which every rule matters."""
    case = draw_case(CONTROL_SEED)
    case.world.features = Features()
    case.config |= {
        "groups": [{"path": "wild", "include_subgroups": True, "archived": True}],
        "projects": [],
        "exclude": [],
        "poll": {"history": "400d"},
        "environments": {"tier_overrides": []},
        "lead_time": {"first_deployment": "exclude", "target_branches": [], "exclude_authors": []},
        "timezone": "America/New_York",
        "windows": ["30d", "180d"],
        "api": {"auth": "none", "payload": "key_value"},
    }
    return case


@pytest.fixture(scope="module")
def control_gitlab(control: Case) -> Iterator[SimulatedGitLab]:
    with SimulatedGitLab(control.world) as gitlab:
        yield gitlab


def control_differences(
    case: Case, gitlab: SimulatedGitLab, tmp_path: Path, changed: dict[str, Any]
) -> list[str]:
    """Return what is found when the exporter, but not the oracle, runs with other settings."""
    oracle, questions = oracle_and_questions(case)
    settings = case.settings(gitlab.url, tmp_path / "dora.db")
    for section, content in changed.items():
        settings[section] = (
            {**settings[section], **content} if isinstance(content, dict) else content
        )
    with polled_exporter(settings, case.now) as exporter:
        return differences(exporter, oracle, questions[::7], case.config["api"]["payload"])


def test_the_control_agrees_as_it_is(
    control: Case, control_gitlab: SimulatedGitLab, tmp_path: Path
) -> None:
    assert control_differences(control, control_gitlab, tmp_path, {}) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"timezone": "Asia/Kolkata"},
        {"lead_time": {"first_deployment": "include"}},
        {"lead_time": {"target_branches": ["main"]}},
        {"lead_time": {"exclude_authors": ["renovate-bot"]}},
        {"lead_time": {"aggregation": "daily_medians"}},
        {"environments": {"tier_overrides": [{"match": "o", "tier": "testing"}]}},
        {"poll": {"history": "200d"}},
        {"exclude": ["project-1$"]},
        {"windows": ["30d"]},
        {"api": {"payload": "date_value"}},
    ],
    ids=str,
)
def test_another_rule_is_noticed(
    changed: dict[str, Any], control: Case, control_gitlab: SimulatedGitLab, tmp_path: Path
) -> None:
    assert control_differences(control, control_gitlab, tmp_path, changed)


def test_times_that_are_not_cut_are_noticed(
    control: Case,
    control_gitlab: SimulatedGitLab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "_cut_to_second", lambda moment: moment)
    assert control_differences(control, control_gitlab, tmp_path, {})


def test_a_median_that_does_not_interpolate_is_noticed(
    control: Case,
    control_gitlab: SimulatedGitLab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        arithmetic,
        "quantile",
        lambda ordered, fraction: ordered[int(fraction * (len(ordered) - 1))],
    )
    assert control_differences(control, control_gitlab, tmp_path, {})


def test_a_window_closed_at_its_begin_is_noticed(
    control: Case,
    control_gitlab: SimulatedGitLab,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        arithmetic,
        "_trailing",
        lambda moments, begin, end: slice(
            int(moments.searchsorted(begin, "left")), int(moments.searchsorted(end, "right"))
        ),
    )
    assert control_differences(control, control_gitlab, tmp_path, {})


def test_one_wrong_sample_is_noticed(control: Case) -> None:
    oracle, _ = oracle_and_questions(control)
    expected = oracle.gauges()
    for key in expected:
        one_off = {**expected, key: expected[key] * (1 + 1e-8) + 1e-8}
        (found,) = sample_differences(expected, one_off)
        assert found.startswith(key[0])
