"""Too many series: none at all, and everybody is told."""

import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families as read_text

from exporter.dora.facts import Group
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import Snapshot
from exporter.poller import Status
from tests.metrics.conftest import POLLED_AT, project, row, scraped

SNAPSHOT = Snapshot(
    POLLED_AT,
    [(project("a/b"), [row(), row("staging")]), (project("a/c", number=2), [row()])],
    [(Group(5, "a"), [row(of_project=False)])],
)
DORA = ("gitlab_dora_project_", "gitlab_dora_group_")


def shown(max_series: int | None) -> Exposition:
    exposition = Exposition(Status(), lambda: None, max_series=max_series)
    exposition.show(SNAPSHOT)
    return exposition


def samples(exposition: Exposition) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for family in read_text(scraped(exposition).decode()):
        for one in family.samples:
            found.setdefault(one.name, []).append(one.value)
    return found


def of_projects_and_groups(exposition: Exposition) -> int:
    found = samples(exposition)
    return sum(len(values) for name, values in found.items() if name.startswith(DORA))


def test_they_are_counted_as_they_are() -> None:
    exposition = shown(None)
    number = of_projects_and_groups(exposition)
    assert number > 30
    assert samples(exposition)["gitlab_dora_exporter_series"] == [number]


def test_as_many_as_allowed_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    number = of_projects_and_groups(shown(None))
    exposition = shown(number)
    assert of_projects_and_groups(exposition) == number
    assert samples(exposition)["gitlab_dora_exporter_series_limit_exceeded"] == [0]
    assert caplog.records == []


@pytest.mark.parametrize("gzip", [False, True])
def test_above_that_none_is_shown_but_how_the_exporter_is_doing(gzip: bool) -> None:
    number = of_projects_and_groups(shown(None))
    exposition = shown(number - 1)
    found = samples(exposition)
    assert of_projects_and_groups(exposition) == 0
    assert not any(
        b"gitlab_dora_project_recent_deployments{" in one
        for one in [scraped(exposition, gzip=gzip)]
    )
    names = ["gitlab_dora_project_recent_deployments"]
    assert b"{" not in exposition.scrape(names=names).answer().whole()
    assert found["gitlab_dora_exporter_series_limit_exceeded"] == [1]
    assert found["gitlab_dora_exporter_series"] == [number]
    assert found["gitlab_dora_exporter_last_poll_success_timestamp_seconds"] == [POLLED_AT / 1e6]
    assert len(found["gitlab_dora_exporter_project_poll_errors_total"]) == 2
    assert exposition.snapshot is SNAPSHOT


def test_the_log_says_what_accounts_for_them(caplog: pytest.LogCaptureFixture) -> None:
    number = of_projects_and_groups(shown(None))
    with caplog.at_level(logging.ERROR):
        shown(10)
    (record,) = caplog.records
    told = vars(record)["fields"]
    assert "metrics.max_series" in record.getMessage()
    assert (told["series"], told["max_series"]) == (number, 10)
    assert told["levels"] == f"project={3 * number // 4} group={number // 4}"
    assert told["tiers"] == f"production={3 * number // 4} staging={number // 4}"
    assert told["percentiles"] == "50=4 75=4 95=4"
