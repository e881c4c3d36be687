"""Health, readiness, the scrape over HTTP, and what other requests are answered."""

import gzip
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from exporter.store import Store
from tests.filling import Filling, opened

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
OF_PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


def test_it_is_healthy_whatever_was_polled(facts: Filling) -> None:
    with opened(facts.store, facts.clock) as client:
        answer = client.get("/-/healthy")
    assert (answer.status_code, answer.text) == (200, "healthy\n")


def test_it_is_ready_after_the_first_complete_poll(facts: Filling) -> None:
    with opened(facts.store, facts.clock) as client:
        answer = client.get("/-/ready")
        assert (answer.status_code, answer.text[:10]) == (503, "not ready:")
    facts.poll()
    with opened(facts.store, facts.clock) as client:
        answer = client.get("/-/ready")
        assert (answer.status_code, answer.text) == (200, "ready\n")


def test_it_is_ready_at_once_after_a_restart_on_a_filled_store(
    polled: Filling, tmp_path: Path
) -> None:
    """With the numbers of the last poll, before GitLab is asked anything."""
    with opened(polled.store, polled.clock) as client:
        before = client.get("/metrics?name[]=gitlab_dora_project_recent_deployments").text
    polled.store.close()
    url = f"sqlite:///{tmp_path / 'dora.db'}"
    with Store.open(url) as store, opened(store, polled.clock) as client:
        assert client.get("/-/ready").status_code == 200
        after = client.get("/metrics?name[]=gitlab_dora_project_recent_deployments").text
    assert after == before
    assert 'project="acme/secret-project"' in after


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain", "text/html,*/*", "application/json"])
def test_a_scrape_is_text_unless_asked_otherwise(client: TestClient, accept: str) -> None:
    answer = client.get("/metrics", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == TEXT
    assert "# TYPE gitlab_dora_project_deployments_total counter\n" in answer.text
    assert "# EOF" not in answer.text


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=1.0.0", OF_PROMETHEUS])
def test_a_scrape_is_open_metrics_where_accepted(client: TestClient, accept: str) -> None:
    answer = client.get("/metrics", headers={"accept": accept})
    assert answer.headers["content-type"].startswith(OPEN_METRICS)
    assert "# TYPE gitlab_dora_project_deployments counter\n" in answer.text
    assert answer.text.endswith("\n# EOF\n")


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [("gzip", "gzip"), ("br, GZIP;q=0.5", "gzip"), ("identity", None), ("x-gzipped", None)],
)
def test_a_scrape_is_compressed_where_accepted(
    client: TestClient, accepted: str, encoding: str | None
) -> None:
    with client.stream("GET", "/metrics", headers={"accept-encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == encoding
    assert int(answer.headers["content-length"]) == len(raw)
    text = gzip.decompress(raw) if encoding else raw
    assert b"gitlab_dora_project_recent_deployments{" in text


def test_caches_are_told_what_the_scrape_depends_on(client: TestClient) -> None:
    assert client.get("/metrics").headers["vary"] == "Accept, Accept-Encoding"


def test_families_can_be_asked_for_by_name(client: TestClient) -> None:
    """Prometheus' name[]; what does not exist has no samples."""
    query = (
        "name[]=gitlab_dora_project_deployments_total&name[]=gitlab_dora_exporter_stale_projects"
        "&name[]=nonsense"
    )
    lines = client.get(f"/metrics?{query}").text.splitlines()
    assert {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")} == {
        "gitlab_dora_project_deployments_total",
        "gitlab_dora_exporter_stale_projects",
    }
    assert client.get("/metrics?name[]=nonsense").text == ""


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready"])
def test_head_is_get_without_the_content(client: TestClient, path: str) -> None:
    answer, whole = client.head(path), client.get(path)
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.parametrize("path", ["/nonsense", "/metric", "/-/reload", "/api/v4", "/config.yaml"])
def test_other_paths_are_not_found(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready"])
def test_nothing_can_be_written(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
