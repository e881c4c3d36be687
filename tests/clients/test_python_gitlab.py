"""python-gitlab has no resource for DORA metrics; its own HTTP reads the exporter unchanged."""

import pytest
from gitlab import Gitlab, GitlabAuthenticationError, GitlabHttpError

from tests.clients.conftest import read
from tests.contract.world import TOKENS

CREDENTIALS = ["private_token", "oauth_token"]
CONTAINERS = [
    "/projects/1",
    "/projects/acme%2Fweb%2Fshop",
    "/groups/7",
    "/groups/acme%2Fplatform",
]
METRICS = ["deployment_frequency", "lead_time_for_changes"]


def client(url: str, credential: str = "private_token", caller: str = "reporter") -> Gitlab:
    if credential == "oauth_token":
        return Gitlab(url, oauth_token=TOKENS[caller])
    return Gitlab(url, private_token=TOKENS[caller])


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("path", CONTAINERS)
def test_http_get(date_value: str, path: str, metric: str, credential: str) -> None:
    with client(date_value, credential) as gl:
        got = gl.http_get(f"{path}/dora/metrics", query_data={"metric": metric})
    direct = read(date_value, f"/api/v4{path}/dora/metrics?metric={metric}")
    assert got == direct
    assert [set(one) for one in direct] == [{"date", "value"}] * 91
    assert any(one["value"] for one in direct)


@pytest.mark.parametrize("credential", CREDENTIALS)
@pytest.mark.parametrize("iterator", [False, True])
@pytest.mark.parametrize("path", CONTAINERS)
def test_http_list(date_value: str, path: str, credential: str, *, iterator: bool) -> None:
    query = {"metric": "deployment_frequency", "start_date": "2021-02-01"}
    with client(date_value, credential) as gl:
        got = list(gl.http_list(f"{path}/dora/metrics", query_data=query, iterator=iterator))
        everything = gl.http_list(f"{path}/dora/metrics", query_data=query, get_all=True)
    direct = read(
        date_value,
        f"/api/v4{path}/dora/metrics?metric=deployment_frequency&start_date=2021-02-01",
    )
    assert got == everything == direct
    assert len(direct) == 36  # more than one of GitLab's pages, and there is only one


def test_the_example_of_the_reference(date_value: str) -> None:
    with client(date_value) as gl:
        got = gl.http_list(
            "/projects/1/dora/metrics",
            query_data={"metric": "deployment_frequency", "start_date": "2021-03-01"},
        )
    assert [one["value"] for one in got] == [3, 6, 0, 0, 0, 0, 0, 4]


def test_the_default_payload(key_value: str) -> None:
    query = {"metric": "deployment_frequency", "start_date": "2021-03-07"}
    with client(key_value) as gl:
        assert gl.http_list("/groups/1/dora/metrics", query_data=query) == [
            {"2021-03-07": 0},
            {"2021-03-08": 4},
        ]


def test_one_number_over_several_tiers(date_value: str) -> None:
    query = {
        "metric": "deployment_frequency",
        "interval": "all",
        "environment_tiers[]": ["production", "staging"],
    }
    with client(date_value) as gl:
        number: object = gl.http_get("/projects/1/dora/metrics", query_data=query)
    assert number == 25


@pytest.mark.parametrize(
    ("caller", "words"),
    [
        ("unknown", "401 Unauthorized"),
        ("guest", "You do not have permission to access dora metrics."),
    ],
)
def test_understands_who_may_not_read(date_value: str, caller: str, words: str) -> None:
    query = {"metric": "deployment_frequency"}
    with (
        client(date_value, caller=caller) as gl,
        pytest.raises(GitlabAuthenticationError) as refused,
    ):
        gl.http_get("/projects/1/dora/metrics", query_data=query)
    assert refused.value.error_message == words


def test_understands_other_refusals(date_value: str) -> None:
    with client(date_value) as gl:
        with pytest.raises(GitlabHttpError) as refused:
            gl.http_get("/projects/404/dora/metrics", query_data={"metric": METRICS[0]})
        assert refused.value.response_code == 404
        assert refused.value.error_message == "404 Project Not Found"
        with pytest.raises(GitlabHttpError) as refused:
            gl.http_get("/projects/1/dora/metrics")
        assert refused.value.response_code == 400
        assert refused.value.error_message == "metric is missing"
