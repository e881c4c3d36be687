"""What the exporter tells of itself before, during and after its polls."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter import __version__
from exporter.metrics.exposition import Exposition
from exporter.metrics.snapshot import Snapshot
from exporter.poller import Status
from tests.metrics.conftest import POLLED_AT, project, row, scraped

PREFIX = "gitlab_dora_exporter_"


def told(exposition: Exposition) -> dict[str, list[float]]:
    """The values of the exporter's own families, by the end of the name."""
    found: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(scraped(exposition).decode()):
        for sample in family.samples:
            if sample.name.startswith(PREFIX):
                found.setdefault(sample.name.removeprefix(PREFIX), []).append(sample.value)
    return found


def test_before_the_first_poll_it_claims_nothing() -> None:
    """Neither up nor down: both would be a guess."""
    exposition = Exposition(Status(), lambda: None)
    assert told(exposition) == {
        "build_info": [1],
        "leader": [1],
        "stale_projects": [0],
        "series": [0],
        "series_limit_exceeded": [0],
    }


def test_it_tells_its_version(exposition: Exposition) -> None:
    assert f'{PREFIX}build_info{{python_version="3.'.encode() in scraped(exposition)
    assert f'version="{__version__}"}} 1.0'.encode() in scraped(exposition)


def test_after_a_poll_it_tells_how_it_went(exposition: Exposition) -> None:
    assert told(exposition) == {
        "build_info": [1],
        "leader": [1],
        "up": [1],
        "last_poll_success_timestamp_seconds": [POLLED_AT / 1_000_000],
        "poll_duration_seconds": [1.5],
        "project_poll_errors_total": [0, 1],
        "gitlab_requests_total": [1, 2],
        "gitlab_rate_limit_remaining": [1999],
        "token_expiry_timestamp_seconds": [1_777_000_000],
        "stale_projects": [1],
        "linked_deployments_ratio": [0.75],
        "links_total": [3, 12],
        "webhook_events_total": [0, 7],
        "series": [21],
        "series_limit_exceeded": [0],
    }


def test_when_gitlab_is_down_the_old_numbers_stay_and_are_told_apart(
    status: Status, exposition: Exposition
) -> None:
    """The gauges of the last good poll, and the number of projects they are stale for."""
    status.failed(1, "connection refused")
    status.polled(up=False, seconds=0.1)
    now = told(exposition)
    assert (now["up"], now["stale_projects"]) == ([0], [2])
    assert now["last_poll_success_timestamp_seconds"] == [POLLED_AT / 1_000_000]
    assert b'gitlab_dora_project_deployments_total{environment_tier="production"' in scraped(
        exposition
    )


def test_who_only_follows_tells_how_the_polls_of_another_went(
    status: Status, exposition: Exposition
) -> None:
    """But not what GitLab told this one when it polled: nothing would renew that."""
    status.lead(leads=False)
    status.adopt(up=False, seconds=9.5, failing=[1])
    now = told(exposition)
    assert (now["leader"], now["up"], now["poll_duration_seconds"]) == ([0], [0], [9.5])
    assert now["stale_projects"] == [2]
    assert "gitlab_rate_limit_remaining" not in now
    assert "token_expiry_timestamp_seconds" not in now
    status.adopt(up=True, seconds=1, failing=[])
    assert told(exposition)["stale_projects"] == [1]


@pytest.mark.parametrize(("age", "stale"), [(10, 0), (11, 1)])
def test_a_project_not_read_for_too_long_is_stale(age: int, stale: int) -> None:
    """As after a restart in the middle of trouble: its failure is not remembered."""
    exposition = Exposition(Status(), lambda: None, fresh_for=10)
    exposition.show(
        Snapshot(
            POLLED_AT,
            [(project("a/b"), [row()]), (project("a/c", number=2, polled_at=POLLED_AT - age), [])],
            [],
        )
    )
    assert told(exposition)["stale_projects"] == [stale]
