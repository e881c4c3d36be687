"""A group of 1,000 projects over 92 days: the exporter against PostgreSQL with GitLab's queries.

Both answer the same questions over the same rows in turns, the exporter over HTTP. Each question
is about another range, so that no answer is one that was kept.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from shutil import copy
from statistics import median
from time import perf_counter
from typing import TypeVar

import pytest

from exporter.store import Store
from tests.bench.fleet import FIRST_DAY, Fleet
from tests.bench.gitlab_database import GitLabDatabase
from tests.bench.questions import QUESTIONS, SOURCES, Exporter, Question, as_answered
from tests.postgres import Server

PROJECTS = 1000
DAYS = 92
ROUNDS = 9

_Answer = TypeVar("_Answer")

pytestmark = [pytest.mark.bench, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet.make(projects=PROJECTS, days=DAYS + ROUNDS, seed=1)


@pytest.fixture(scope="module")
def database(fleet: Fleet, postgres: Server) -> Iterator[GitLabDatabase]:
    filled = GitLabDatabase(postgres.create_database())
    filled.fill(fleet)
    yield filled
    filled.close()


@pytest.fixture(scope="module")
def exporters(
    fleet: Fleet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Exporter]]:
    """The exporter with each aggregation, over equal stores: each wants one of its own."""
    folder = tmp_path_factory.mktemp("bench")
    path = folder / "dora.db"
    with Store.open(f"sqlite:///{path}") as store:
        fleet.fill(store)
    with ExitStack() as stack:
        yield {
            one: stack.enter_context(
                Exporter.over(Path(copy(path, folder / f"{one}.db")), aggregation=one)
            )
            for one in SOURCES.values()
        }


@pytest.mark.parametrize("question", QUESTIONS, ids="-".join)
def test_a_group_is_answered_no_slower_than_by_postgresql_with_gitlabs_query(
    question: Question,
    database: GitLabDatabase,
    exporters: dict[str, Exporter],
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, metric, interval = question
    exporter = exporters[SOURCES[source]]
    ours, theirs = [], []
    first = None
    exporter.service._show()  # as after a poll
    exporter.client.close()  # which the server does, too, if that took long
    for one in range(ROUNDS + 1):
        start = FIRST_DAY + timedelta(days=one)
        end = start + timedelta(days=DAYS - 1)
        answer, seconds = _timed(lambda: exporter.ask(metric, interval, start, end))  # noqa: B023
        rows, seconds_there = _timed(
            lambda: database.ask(source, metric, interval, start, end)  # noqa: B023
        )
        assert answer == as_answered(rows, metric, interval, start, end)
        if first is None:
            first = seconds
            continue  # PostgreSQL's first is cold as well
        ours.append(seconds)
        theirs.append(seconds_there)
    _, kept = min(
        (_timed(lambda: exporter.ask(metric, interval, start, end)) for _ in range(ROUNDS)),
        key=lambda timed: timed[1],
    )
    ratio = median(ours) / median(theirs)
    with capsys.disabled():
        print(  # noqa: T201 - the figures are the point
            f"\n{source:12} {metric:22} {interval:8} exporter {median(ours) * 1e3:7.2f} ms, "
            f"PostgreSQL {database.version} {median(theirs) * 1e3:7.2f} ms, ratio {ratio:.3f}, "
            f"first after a poll {(first or 0) * 1e3:7.2f} ms, kept {kept * 1e3:5.2f} ms",
            end="",
        )
    assert ratio <= 1


def _timed(ask: Callable[[], _Answer]) -> tuple[_Answer, float]:
    began = perf_counter()
    answer = ask()
    return answer, perf_counter() - began
