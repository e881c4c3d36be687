"""Names and numbers that no GitLab has: shown, or their project is named; the others go on."""

import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Server, postgres
from tests.reliability.odd_estate import COUNTED, GOOD, NO_TEXT, PATHS, OddEstate, odd_estate
from tests.tools import require

__all__ = ["postgres"]


@pytest.fixture(params=["sqlite-GraphQL", "sqlite-REST", "postgresql-GraphQL", "postgresql-REST"])
def estate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OddEstate]:
    kind, _, api = request.param.partition("-")
    url = None
    if kind == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        url = server.create_database()
    with odd_estate(tmp_path, url, graphql=api == "GraphQL") as built:
        yield built


def id_of(estate: OddEstate, path: str) -> int:
    project = estate.world.find_project(path)
    assert project is not None
    return project.id


def logged(caplog: pytest.LogCaptureFixture, field: str) -> set[str]:
    """Return the values of a field of the log lines."""
    return {
        str(fields[field])
        for fields in (getattr(record, "fields", {}) for record in caplog.records)
        if field in fields
    }


@pytest.mark.long
def test_odd_names_numbers_and_times_are_shown_or_named_and_stop_nothing(
    estate: OddEstate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        assert estate.poll()
        estate.clock.advance(minutes=6)
    shown, failing = estate.shown(), estate.failing()
    left_out = logged(caplog, "item")
    assert shown[id_of(estate, GOOD)] == (GOOD, COUNTED)
    for name, path in PATHS.items():
        assert shown[id_of(estate, f"acme/{name}")] == (NO_TEXT.get(name, path), COUNTED)
    for number, project in estate.world.projects.items():
        if number in shown:
            assert shown[number][1] == COUNTED or number in failing
        else:
            assert number in failing or left_out & {project.path[:100], str(project.id)}
    assert len(failing) > 40
    assert len(left_out) > 15
    check_pages(estate)

    estate.gitlab.faults.clear()
    for _ in range(2):
        estate.clock.advance(minutes=61)
        assert estate.poll_again()
    assert estate.failing() == set()
    assert estate.shown() == {one.id: (one.path, COUNTED) for one in estate.world.projects.values()}


def check_pages(estate: OddEstate) -> None:
    """Check that strict readers take what is exposed."""
    metrics = estate.exporter.page("/metrics").content
    done = subprocess.run(
        [require("promtool"), "check", "metrics"], input=metrics, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    for name in PATHS:
        number = id_of(estate, f"acme/{name}")
        # All that were counted, and the first one, long ago.
        assert estate.exporter.dora(f"projects/{number}", interval="all") == COUNTED + 1
        explained = estate.exporter.page(
            f"/projects/{number}/dora/explain", metric="deployment_frequency"
        )
        assert explained.status_code == 200
    assert estate.exporter.page("/").status_code == 200
