"""The demo, as a newcomer starts it."""

import os
import re
import signal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.demo import demo_service
from tests.ports import free_port
from tests.process import ANY_PORT, started


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_the_demo_is_live_and_ends_when_told_to(tmp_path: Path, number: signal.Signals) -> None:
    """It needs nothing and leaves nothing: no file, no configuration, no GitLab."""
    with started(["demo", *ANY_PORT], folder=tmp_path) as running:
        metrics = running.wait_for(r"Metrics: +(http://\S+)")[1]
        json_api = running.wait_for(r"JSON API: +(http://\S+)")[1]
        if number is signal.SIGINT:
            running.wait_until_ready(metrics.removesuffix("/metrics"))
            look_around(running.get(metrics).text)
            months = running.get(json_api).json()
            assert len(months) in {4, 5}
            assert any(lead_time for month in months for lead_time in month.values())
            project = json_api.replace("groups/acme", "projects/acme%2Fshop%2Fstorefront")
            whole = project.replace("interval=monthly", "interval=all")
            frequency = whole.replace("lead_time_for_changes", "deployment_frequency")
            assert running.get(frequency).json() > 0
        else:
            running.wait_for("listening on")  # and so in the middle of the first poll
        assert running.end(number, 10) == 0
    assert not list(tmp_path.iterdir())
    assert "Traceback" not in "".join(running.errors)


def test_proxies_of_the_surroundings_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulated GitLab on the loopback interface is nothing that they reach."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "example.com")
    with demo_service() as service:
        assert service.client.get_once("/version")
    assert "no_proxy" not in os.environ


def look_around(text: str) -> None:
    """The numbers are those of a company, with something in every family that has any."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    groups = {one["group"] for one in found["gitlab_dora_group_deployments_total"]}
    assert "acme" in groups
    assert all(re.match("acme(/|$)", one) for one in groups)
    for level in ("project", "group"):
        for name in (
            "recent_deployments",
            "deployment_frequency",
            "lead_time_for_changes_seconds",
            "lead_time_for_changes_merge_requests",
            "previous_deployments",
            "previous_lead_time_for_changes_seconds",
            "previous_lead_time_for_changes_merge_requests",
        ):
            windows = {one["window"] for one in found[f"gitlab_dora_{level}_{name}"]}
            # The company rests at weekends: no change may have been deployed on a single day.
            assert windows | {"1d"} == {"1d", "7d", "30d", "90d"}
            assert "1d" in windows or "lead_time_for_changes_seconds" in name
