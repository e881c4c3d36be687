from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporter.simulator import World
from tests.simulator.conftest import NOON, Caller, Clock

LIST = "/projects/1/deployments"


@pytest.fixture
def deployments(world: World) -> list[int]:
    """Five hourly successes to production, one failure and one to staging."""
    project = world.add_project("group/app")
    production = world.add_environment(project, "production")
    staging = world.add_environment(project, "staging")
    made = [
        world.add_deployment(production, created_at=NOON + timedelta(hours=hour))
        for hour in range(5)
    ]
    made.append(world.add_deployment(production, status="failed", created_at=NOON))
    made.append(world.add_deployment(staging, created_at=NOON))
    return [deployment.id for deployment in made]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"updated_after": "2026-03-01", "finished_after": "2026-03-01"},
            "Both `updated_at` filter and `finished_at` filter can not be specified",
        ),
        ({"updated_after": "2026-03-01"}, "`updated_at` filter requires `updated_at` sort"),
        (
            {"finished_before": "2026-03-01", "status": "success"},
            "`finished_at` filter requires `finished_at` sort.",
        ),
        (
            {"order_by": "finished_at"},
            (
                "`finished_at` sort requires `finished_at` filter or a filter with at least one of"
                " the finished statuses."
            ),
        ),
        (
            {"order_by": "finished_at", "status": "running"},
            (
                "`finished_at` sort requires `finished_at` filter or a filter with at least one of"
                " the finished statuses."
            ),
        ),
        (
            {"order_by": "finished_at", "finished_after": "2026-03-01"},
            "`finished_at` filter must be combined with `success` status filter.",
        ),
        (
            {"order_by": "finished_at", "finished_after": "2026-03-01", "status": "failed"},
            "`finished_at` filter must be combined with `success` status filter.",
        ),
    ],
)
def test_slow_combinations_are_refused(
    caller: Caller, world: World, parameters: dict[str, str], message: str
) -> None:
    world.add_project("group/app")
    response = caller.get(LIST, **parameters)
    assert (response.status_code, response.json()) == (400, {"message": message})


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"order_by": "tier"}, "order_by does not have a valid value"),
        ({"sort": "up"}, "sort does not have a valid value"),
        ({"status": "done"}, "status does not have a valid value"),
        ({"finished_after": "yesterday"}, "finished_after is invalid"),
        ({"page": "two"}, "page is invalid"),
        ({"per_page": "0"}, "per_page has a value not allowed"),
    ],
)
def test_malformed_parameters_are_refused(
    caller: Caller, world: World, parameters: dict[str, str], error: str
) -> None:
    world.add_project("group/app")
    response = caller.get(LIST, **parameters)
    assert (response.status_code, response.json()) == (400, {"error": error})


def test_finished_after_is_inclusive_and_before_exclusive(
    caller: Caller, deployments: list[int]
) -> None:
    ids = caller.ids(
        LIST,
        status="success",
        environment="production",
        order_by="finished_at",
        finished_after="2026-03-02T13:00:00Z",
        finished_before="2026-03-02T17:00:00+02:00",
    )
    assert ids == deployments[1:3]


def test_microseconds_count_at_the_bound(caller: Caller, world: World) -> None:
    environment = world.add_environment(world.add_project("group/app"), "production")
    world.add_deployment(environment, created_at=NOON + timedelta(microseconds=1))
    wanted = {"status": "success", "order_by": "finished_at"}
    assert caller.ids(LIST, finished_after="2026-03-02T12:00:00.000001Z", **wanted) == [1]
    assert caller.ids(LIST, finished_after="2026-03-02T12:00:00.000002Z", **wanted) == []


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6]),
        ({"sort": "desc"}, [6, 5, 4, 3, 2, 1, 0]),
        ({"order_by": "created_at"}, [0, 1, 2, 3, 4, 5, 6]),
        ({"order_by": "ref", "sort": "desc"}, [0, 1, 2, 3, 4, 5, 6]),
        ({"status": "failed"}, [5]),
        ({"status": "failed", "order_by": "finished_at"}, [5]),
        ({"environment": "staging"}, [6]),
        ({"environment": "stag"}, []),
        ({"order_by": "updated_at", "updated_after": "2026-03-02T15:00:00Z"}, [3, 4]),
        ({"order_by": "updated_at", "updated_before": "2026-03-02T12:30:00Z"}, [0, 5, 6]),
    ],
)
def test_list_is_filtered_and_sorted(
    caller: Caller, deployments: list[int], parameters: dict[str, str], expected: list[int]
) -> None:
    assert caller.ids(LIST, **parameters) == [deployments[at] for at in expected]


def test_older_instance_ignores_finished_filters(
    caller: Caller, world: World, deployments: list[int]
) -> None:
    world.features.rest_finished_filters = False
    assert caller.ids(LIST, finished_after="2030-01-01") == deployments
    response = caller.get(LIST, order_by="finished_at", status="success")
    assert (response.status_code, response.json()) == (
        400,
        {"error": "order_by does not have a valid value"},
    )


def test_answer_has_neither_end_nor_tier_of_its_own(caller: Caller, world: World) -> None:
    environment = world.add_environment(world.add_project("group/app"), "production")
    end = datetime(2026, 3, 2, 12, 5, 0, 500, tzinfo=UTC)
    world.add_deployment(environment, created_at=NOON, finished_at=end)
    shown = caller.get(LIST).json()[0]
    assert "finished_at" not in shown
    assert "tier" not in shown["environment"]
    job_end = datetime.fromisoformat(shown["deployable"]["finished_at"])
    assert timedelta(0) < end - job_end < timedelta(seconds=1)


def test_deployment_made_through_the_api_has_no_job(caller: Caller, world: World) -> None:
    environment = world.add_environment(world.add_project("group/app"), "production")
    world.add_deployment(environment, created_at=NOON, deployable=False)
    assert caller.get(LIST).json()[0]["deployable"] is None


def test_one_deployment_is_found_in_its_own_project_only(
    caller: Caller, world: World, deployments: list[int]
) -> None:
    world.add_project("group/other")
    assert caller.get(f"{LIST}/{deployments[0]}").json()["id"] == deployments[0]
    response = caller.get(f"/projects/2/deployments/{deployments[0]}")
    assert (response.status_code, response.json()) == (404, {"message": "404 Not found"})


def linked(world: World, **options: Any) -> int:
    project = world.add_project("group/app")
    changes = [
        world.add_merge_request(project, merged_at=NOON - timedelta(days=day)) for day in range(3)
    ]
    environment = world.add_environment(project, "production")
    return world.add_deployment(environment, created_at=NOON, merge_requests=changes, **options).id


def test_merge_requests_of_a_deployment_come_in_pages(caller: Caller, world: World) -> None:
    path = f"{LIST}/{linked(world)}/merge_requests"
    response = caller.get(path, per_page=2, order_by="merged_at", sort="asc")
    assert [row["iid"] for row in response.json()] == [3, 2]
    assert response.headers["X-Total"] == "3"
    assert response.json()[0]["merged_at"] == "2026-02-28T12:00:00.000Z"


def test_unknown_deployment_has_no_merge_requests(caller: Caller, world: World) -> None:
    linked(world)
    assert caller.ids(f"{LIST}/99/merge_requests") == []


def test_links_stay_hidden_until_they_are_written(
    caller: Caller, world: World, clock: Clock
) -> None:
    deployment = linked(world, links_visible_at=NOON + timedelta(minutes=5))
    path = f"{LIST}/{deployment}/merge_requests"
    deployed = {"environment": "production", "deployed_after": "2026-03-01"}
    assert caller.ids(path) == caller.ids("/projects/1/merge_requests", **deployed) == []
    clock.advance(minutes=5)
    assert len(caller.ids(path)) == 3
    assert len(caller.ids("/projects/1/merge_requests", **deployed)) == 3


def test_merge_requests_are_filtered_by_state(caller: Caller, world: World) -> None:
    project = world.add_project("group/app")
    world.add_merge_request(project, merged_at=None, state="opened")
    merged = world.add_merge_request(project, merged_at=NOON)
    assert caller.ids("/projects/1/merge_requests", state="merged") == [merged.id]
    assert len(caller.ids("/projects/1/merge_requests")) == 2
