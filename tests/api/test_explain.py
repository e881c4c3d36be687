"""Explanations of a store filled by hand."""

from pathlib import Path
from unittest.mock import Mock

import pytest
from starlette.testclient import TestClient

from exporter.api import explain
from tests.filling import Filling, filled, opened, settings_with, utc

DAYS = "start_date=2021-03-01&end_date=2021-03-03"
LEAD_TIMES = f"/projects/1/dora/explain?metric=lead_time_for_changes&{DAYS}"


def test_the_same_deployments_make_both_numbers(client: TestClient) -> None:
    answer = client.get(f"/groups/acme/dora/explain?metric=deployment_frequency&{DAYS}").json()
    assert [one["value"] for one in answer["buckets"]] == [3, 0, 1]
    assert {one["deployment"]["project"] for one in answer["parts"]} == {
        "acme/shop/app",
        "acme/lib",
    }
    lead_times = client.get(LEAD_TIMES).json()
    assert [one["value"] for one in lead_times["buckets"]] == [7200, None, 0]
    assert [one["lead_time"] for one in lead_times["parts"]] == [3600, 10800, None, 0]
    assert [one["reason"] for one in lead_times["parts"]] == [None, None, "no_merge_request", None]
    assert lead_times["buckets"][2]["marked"] == {"negative_lead_time": 1}


def test_links_lead_to_the_configured_gitlab(facts: Filling) -> None:
    settings = settings_with(
        gitlab={"url": "https://example.com/gitlab/", "token": "glpat-of-this-test"}
    )
    with opened(facts.store, facts.clock, settings) as client:
        part = client.get(LEAD_TIMES).json()["parts"][0]
    pages = "https://example.com/gitlab/acme/shop/app/-"
    deployment, change = part["deployment"], part["merge_request"]
    assert deployment["web_url"] == f"{pages}/environments/{deployment['environment_id']}"
    assert deployment["commit_url"] == f"{pages}/commit/5ad"
    assert change["web_url"] == f"{pages}/merge_requests/{change['iid']}"


def test_an_override_is_seen_from_both_tiers(facts: Filling) -> None:
    settings = settings_with(
        environments={"tier_overrides": [{"match": "^stage", "tier": "production"}]}
    )
    with opened(facts.store, facts.clock, settings) as client:
        url = f"/projects/1/dora/explain?metric=deployment_frequency&interval=all&{DAYS}"
        (bucket,) = client.get(url).json()["buckets"]
        assert (bucket["value"], bucket["marked"]) == (4, {"tier_overridden": 1})
        (bucket,) = client.get(f"{url}&environment_tier=staging").json()["buckets"]
        assert (bucket["value"], bucket["left_out"]) == (0, {"tier_overridden": 1})


@pytest.mark.parametrize(
    ("page", "size", "places"),
    [
        ("1", "2", slice(0, 2)),
        ("2", "2", slice(2, 4)),
        ("2", "3", slice(3, 4)),
        ("9", "3", slice(0)),
    ],
)
def test_a_page_is_a_part_of_all(client: TestClient, page: str, size: str, places: slice) -> None:
    whole = client.get(LEAD_TIMES).json()
    answer = client.get(f"{LEAD_TIMES}&page={page}&per_page={size}")
    assert answer.json() == {**whole, "parts": whole["parts"][places]}
    assert answer.headers["x-total"] == "4"
    assert (answer.headers["x-page"], answer.headers["x-per-page"]) == (page, size)


@pytest.mark.parametrize("wrong", ["0", "-1", "x", "", "1.0", "9" * 5000, "%D9%A1", "1_0", "+1"])
@pytest.mark.parametrize("name", ["page", "per_page"])
def test_a_page_that_is_none_is_refused(client: TestClient, name: str, wrong: str) -> None:
    answer = client.get(f"{LEAD_TIMES}&{name}={wrong}")
    assert (answer.status_code, answer.json()) == (400, {"error": f"{name} is invalid"})


def test_all_that_is_wrong_is_told_at_once(client: TestClient) -> None:
    answer = client.get("/projects/1/dora/explain?page[]=1&per_page=x&end_date=x")
    assert answer.json() == {
        "error": "page is invalid, per_page is invalid, metric is missing, end_date is invalid"
    }


def test_numbers_have_no_pages(client: TestClient) -> None:
    url = f"/projects/1/dora/metrics?metric=deployment_frequency&{DAYS}"
    assert client.get(f"{url}&page=x").status_code == 200
    assert "x-total" not in client.get(url).headers


def test_an_answer_that_the_caller_has_is_not_sent_again(client: TestClient) -> None:
    etag = client.get(LEAD_TIMES).headers["etag"]
    again = client.get(LEAD_TIMES, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/projects/acme%2Fshop%2Fapp", "/api/v4/projects/1", "/projects/acme/shop/app"]
)
def test_paths_are_those_of_the_numbers(client: TestClient, path: str) -> None:
    expected = client.get(LEAD_TIMES).json()
    url = LEAD_TIMES.replace("/projects/1", path)
    assert client.get(url).json() == expected
    assert client.get(url.replace("explain?", "explain.json?")).json() == expected


def test_pages_of_one_state_are_read_once(facts: Filling, monkeypatch: pytest.MonkeyPatch) -> None:
    provenance = facts.store.provenance
    reading = Mock(wraps=provenance.deployments)
    monkeypatch.setattr(provenance, "deployments", reading)
    with opened(facts.store, facts.clock) as client:
        for page in range(1, 5):
            assert client.get(f"{LEAD_TIMES}&page={page}&per_page=1").json()["parts"]
            assert client.get(f"{LEAD_TIMES}&payload=date_value").status_code == 200
        assert reading.call_count == 1
        client.get(f"{LEAD_TIMES}&interval=all")
        assert reading.call_count == 2


def test_what_is_too_much_to_keep_is_read_again(
    facts: Filling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain, "KEPT", 2)
    with opened(facts.store, facts.clock) as client:
        whole = client.get(LEAD_TIMES).json()
        assert len(whole["parts"]) > 2
        assert client.get(LEAD_TIMES).json() == whole


def test_what_numbers_do_not_know_yet_or_any_more_is_no_part_of_them(tmp_path: Path) -> None:
    now = utc("2021-03-31T10:00")
    with filled(tmp_path, now) as filling:
        filling.scope({1: "acme/app"}, {5: "acme"})
        environment = filling.environment(1, covered_since=utc("2021-03-30T12:00"), complete=False)
        for at in ("2021-03-30T14:00", "2021-03-31T09:00", "2021-03-31T11:00"):
            filling.deploy(environment, utc(at), [utc("2021-03-30T13:00")])
        filling.poll()
        with opened(filling.store, filling.clock) as client:
            for metric, value in (("deployment_frequency", 1), ("lead_time_for_changes", 72_000)):
                query = f"metric={metric}&start_date=2021-03-30&payload=date_value"
                numbers = client.get(f"/groups/acme/dora/metrics?{query}").json()
                assert [one["value"] for one in numbers] == [None, value]
                answer = client.get(f"/groups/acme/dora/explain?{query}").json()
                assert [one["value"] for one in answer["buckets"]] == [None, value]
                reasons = [one["reason"] for one in answer["parts"]]
                assert reasons == ["before_history", None, "after_last_poll"]
