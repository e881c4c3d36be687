"""Odd tokens, and where a token may stand."""

import pytest
from starlette.testclient import TestClient

from tests.access.answers import UNAUTHORIZED, Said, granted
from tests.access.estate import Estate, Target, question
from tests.access.matrix import CALLERS

ODD: dict[str, str] = {
    "empty": "",
    "space": " ",
    "spaces": "   ",
    "space within": "Secret of somebody",
    "tab within": "Secret\tof",
    "newline": "Secret\n",
    "header smuggled": "Secret\r\nPRIVATE-TOKEN: sim-token",
    "NUL": "Secret\0",
    "escape": "Secret\x1b[31m",
    "DEL": "Secret\x7f",
    "latin": "Secrét",
    "euro": "Secret€",
    "emoji": "Secret\N{GRINNING FACE}",
    "Arabic digits": "\u0661\u0662\u0663",
    "right to left": "\u202eSecret",
    "100 kB": "S" * 100_000,
    "one too long": "S" * 4097,
}


@pytest.fixture
def target(estate: Estate) -> Target:
    return estate.targets["acme/team/app"]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("place", ["header", "bearer", "parameter"])
def test_an_odd_token_is_refused_without_asking_gitlab(
    estate: Estate, client: TestClient, target: Target, name: str, place: str
) -> None:
    token = ODD[name].encode()
    headers: dict[str, bytes] = {}
    parameters = question()
    if place == "header":
        headers["PRIVATE-TOKEN"] = token
    elif place == "bearer":
        headers["Authorization"] = b"Bearer " + token
    else:
        parameters["private_token"] = ODD[name][:60_000]  # the client's own limit
    estate.gitlab.requests.clear()
    response = client.get(
        f"/projects/{target.id}/dora/metrics",
        params=parameters,
        headers=headers,  # type: ignore[arg-type]
    )
    assert Said.by(response) == UNAUTHORIZED
    assert estate.gitlab.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Basic cm9vdDpzaW0tdG9rZW4="},
        {"Authorization": "sim-token"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Token sim-token"},
        {"Authorization": "PRIVATE-TOKEN sim-token"},
        {"JOB-TOKEN": "sim-token"},
        {"DEPLOY-TOKEN": "sim-token"},
        {"X-PRIVATE-TOKEN": "sim-token"},
        {"Cookie": "_gitlab_session=sim-token; private_token=sim-token"},
        {"Sudo": "root"},
    ],
    ids=str,
)
def test_other_ways_to_sign_in_are_not_taken(
    estate: Estate, client: TestClient, target: Target, headers: dict[str, str]
) -> None:
    estate.gitlab.requests.clear()
    response = client.get(f"/projects/{target.id}/dora/metrics", params=question(), headers=headers)
    assert Said.by(response) == UNAUTHORIZED
    assert estate.gitlab.requests == []


def test_the_private_token_goes_before_the_bearer(
    estate: Estate, client: TestClient, target: Target
) -> None:
    reporter, stranger = (CALLERS[name](estate, target) for name in ("reporter", "stranger"))
    assert reporter is not None
    assert stranger is not None
    path = f"/projects/{target.id}/dora/metrics"
    for first, second in ((reporter, stranger), (stranger, reporter)):
        for query in ({}, {"private_token": first[0]}):
            header = {} if query else {"PRIVATE-TOKEN": str(first[0])}
            response = client.get(
                path,
                params={**question(), **query},
                headers={"Authorization": f"Bearer {second[0]}", **header},
            )
            assert Said.by(response) == first[1]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_in_any_case(
    estate: Estate, client: TestClient, target: Target, scheme: str
) -> None:
    reporter = CALLERS["reporter"](estate, target)
    assert reporter is not None
    response = client.get(
        f"/projects/{target.id}/dora/metrics",
        params=question(),
        headers={"Authorization": f"{scheme} {reporter[0]}"},
    )
    assert Said.by(response) == granted(target)
