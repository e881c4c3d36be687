"""The paths of the JSON API and the ways to name a project or a group."""

import pytest
from starlette.testclient import TestClient

QUERY = "metric=deployment_frequency&start_date=2021-03-01&end_date=2021-03-04&interval=all"


@pytest.mark.parametrize("prefix", ["", "/api/v4"])
@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/projects/1", 3),
        ("/projects/acme%2Fshop%2Fapp", 3),
        ("/projects/acme%2fshop%2fapp", 3),
        ("/projects/acme/shop/app", 3),
        ("/projects/Acme/Shop/App", 3),
        ("/projects/acme/lib", 1),
        ("/groups/5", 4),
        ("/groups/acme", 4),
        ("/groups/6", 3),
        ("/groups/acme%2Fshop", 3),
        ("/groups/acme/shop", 3),
    ],
)
def test_id_is_a_number_or_a_full_path(
    client: TestClient, prefix: str, path: str, number: int
) -> None:
    answer = client.get(f"{prefix}{path}/dora/metrics?{QUERY}")
    assert (answer.status_code, answer.json()) == (200, number)


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        ("project=1", 3),
        ("project=acme/shop/app", 3),
        ("project=acme%2Fshop%2Fapp", 3),
        ("group=5", 4),
        ("group=acme%2Fshop", 3),
    ],
)
def test_the_same_without_the_path(client: TestClient, reference: str, number: int) -> None:
    answer = client.get(f"/dora/metrics?{reference}&{QUERY}")
    assert (answer.status_code, answer.json()) == (200, number)


@pytest.mark.parametrize("prefix", ["", "/api/v4"])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/projects/3", "404 Project Not Found"),
        ("/projects/5", "404 Project Not Found"),
        ("/projects/acme", "404 Project Not Found"),
        ("/projects/app", "404 Project Not Found"),
        ("/projects/1%20", "404 Project Not Found"),
        ("/projects/%D9%A1", "404 Project Not Found"),
        ("/groups/1", "404 Group Not Found"),
        ("/groups/acme/lib", "404 Group Not Found"),
        ("/groups/shop", "404 Group Not Found"),
    ],
)
def test_what_is_not_in_scope_is_not_found(
    client: TestClient, prefix: str, path: str, message: str
) -> None:
    answer = client.get(f"{prefix}{path}/dora/metrics?{QUERY}")
    assert (answer.status_code, answer.json()) == (404, {"message": message})


@pytest.mark.parametrize(
    ("reference", "status", "body"),
    [
        (
            "",
            400,
            {"error": "project, group are missing, exactly one parameter must be provided"},
        ),
        ("project=1&group=5&", 400, {"error": "project, group are mutually exclusive"}),
        ("project=9&", 404, {"message": "404 Project Not Found"}),
        ("group=9&", 404, {"message": "404 Group Not Found"}),
    ],
)
def test_without_the_path_exactly_one_of_the_two_must_be_named(
    client: TestClient, reference: str, status: int, body: dict[str, str]
) -> None:
    answer = client.get(f"/dora/metrics?{reference}{QUERY}")
    assert (answer.status_code, answer.json()) == (status, body)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/projects/1/dora/metrics", "/groups/5/dora/metrics"])
def test_only_reading_is_allowed(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, f"{path}?{QUERY}")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
