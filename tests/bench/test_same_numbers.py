"""The exporter answers to the last bit what PostgreSQL answers to GitLab's own queries."""

from datetime import timedelta
from pathlib import Path

import pytest

from exporter.store import Store
from tests.bench.fleet import FIRST_DAY, Fleet
from tests.bench.gitlab_database import GitLabDatabase
from tests.bench.questions import QUESTIONS, SOURCES, Exporter, as_answered
from tests.postgres import Server

_DAYS = 70


@pytest.mark.parametrize("seed", [1, 2])
def test_a_group_has_the_numbers_of_gitlabs_queries(
    seed: int, postgres: Server, tmp_path: Path
) -> None:
    # Few projects, so that some days have no deployment and some no merge request.
    fleet = Fleet.make(projects=3, days=_DAYS, seed=seed)
    with Store.open(f"sqlite:///{tmp_path / 'dora.db'}") as store:
        fleet.fill(store)
    database = GitLabDatabase(postgres.create_database())
    try:
        database.fill(fleet)
        for source, metric, interval in QUESTIONS:
            with Exporter.over(tmp_path / "dora.db", aggregation=SOURCES[source]) as exporter:
                for first, last in ((0, _DAYS - 1), (3, 3), (20, 45)):
                    start, end = FIRST_DAY + timedelta(first), FIRST_DAY + timedelta(last)
                    rows = database.ask(source, metric, interval, start, end)
                    answer = exporter.ask(metric, interval, start, end)
                    assert answer == as_answered(rows, metric, interval, start, end)
    finally:
        database.close()
