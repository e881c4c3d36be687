"""GitLab's own DORA metrics of the simulated instance, where it is licensed for them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.clock import FakeClock
from tests.poller.estate import HOUR, add_app, deploy

PATH = "/projects/acme%2Fapp/dora/metrics"
DAYS = {"start_date": "2026-02-25", "end_date": "2026-03-02"}


@pytest.fixture
def gitlab() -> Iterator[SimulatedGitLab]:
    clock = FakeClock()
    world = World(clock)
    world.features.dora = True
    app = add_app(world)
    deploy(world, app, HOUR, 3 * HOUR, ago=26 * HOUR)
    deploy(world, app, ago=25 * HOUR)
    deploy(world, add_app(world, environment="live"), 9 * HOUR, ago=26 * HOUR)
    deploy(world, add_app(world, "acme/old"), HOUR, ago=24 * HOUR)
    with SimulatedGitLab(world) as running:
        yield running


def ask(gitlab: SimulatedGitLab, path: str = PATH, **parameters: Any) -> requests.Response:
    return requests.get(
        f"{gitlab.url}/api/v4{path}",
        params={"metric": "deployment_frequency", **DAYS, **parameters},
        headers={"PRIVATE-TOKEN": DEFAULT_TOKEN},
        timeout=10,
    )


def test_days_with_rows_are_told(gitlab: SimulatedGitLab) -> None:
    assert ask(gitlab).json() == [{"date": "2026-03-01", "value": 3}]
    lead_time = ask(gitlab, metric="lead_time_for_changes").json()
    assert lead_time == [{"date": "2026-03-01", "value": (2 + 9) / 2 * HOUR}]
    assert ask(gitlab, environment_tier="staging").json() == []


def test_groups_hold_all_projects_below(gitlab: SimulatedGitLab) -> None:
    project = gitlab.world.find_project("acme/old")
    assert project
    gitlab.world.archive_project(project)
    assert ask(gitlab, "/groups/acme/dora/metrics", interval="all").json() == 4


@pytest.mark.parametrize(
    ("payload", "element"),
    [
        ("key_value", {"2026-03-01": 3}),
        ("both", {"2026-03-01": 3, "date": "2026-03-01", "value": 3}),
    ],
)
def test_forms_of_older_versions(
    gitlab: SimulatedGitLab, payload: str, element: dict[str, object]
) -> None:
    gitlab.world.features.dora_payload = payload
    assert ask(gitlab).json() == [element]
    assert ask(gitlab, interval="monthly").json()[0].keys() == element.keys()


def test_a_deployment_comes_late_or_never(gitlab: SimulatedGitLab) -> None:
    world = gitlab.world
    app = next(iter(world.environments.values()))
    deploy(world, app, ago=60)
    assert ask(gitlab).json() == [{"date": "2026-03-01", "value": 3}]
    world.features.dora_lag_seconds = 30
    assert ask(gitlab).json()[-1] == {"date": "2026-03-02", "value": 1}
    world.features.dora_since = datetime(2026, 3, 2, tzinfo=UTC)
    assert ask(gitlab).json() == [{"date": "2026-03-02", "value": 1}]


def test_negative_times_are_clipped_as_a_median(gitlab: SimulatedGitLab) -> None:
    world = gitlab.world
    app = add_app(world, "acme/early")
    finished_at = world.clock() - timedelta(hours=30)
    merged = [
        world.add_merge_request(app.project, merged_at=finished_at + timedelta(hours=hours))
        for hours in (4, -1)
    ]
    world.add_deployment(
        app, created_at=finished_at, finished_at=finished_at, merge_requests=merged
    )
    path, asked = "/projects/acme%2Fearly/dora/metrics", {"metric": "lead_time_for_changes"}
    assert ask(gitlab, path, **asked).json()[0]["value"] == HOUR / 2
    world.features.dora_negative = True
    assert ask(gitlab, path, **asked).json()[0]["value"] == 0


@pytest.mark.parametrize(
    ("parameters", "status", "body"),
    [
        ({"metric": None}, 400, {"error": "metric is missing"}),
        ({"metric": "speed"}, 400, {"error": "metric does not have a valid value"}),
        ({"start_date": "soon"}, 400, {"error": "start_date is invalid"}),
        (
            {"start_date": "2025-03-01"},
            400,
            {"message": "Date range must be shorter than 92 days."},
        ),
        (
            {"start_date": "2026-03-02"},
            400,
            {"message": "The start date must be earlier than the end date."},
        ),
    ],
)
def test_refusals(
    gitlab: SimulatedGitLab, parameters: dict[str, Any], status: int, body: dict[str, str]
) -> None:
    answer = ask(gitlab, **parameters)
    assert (answer.status_code, answer.json()) == (status, body)


def test_without_a_licence(gitlab: SimulatedGitLab) -> None:
    features = gitlab.world.features
    features.dora = False
    answer = ask(gitlab)
    message = "You do not have permission to access dora metrics."
    assert (answer.status_code, answer.json()) == (401, {"message": message})
    features.dora_status = 404
    assert ask(gitlab).status_code == 404
