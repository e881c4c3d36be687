"""Explanations of two real histories: what they name is what was recorded."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.simulator.histories import load
from tests.explain.rebuilding import explained
from tests.oracle.polled import PolledExporter, polled_exporter

HISTORIES = Path(__file__).parents[1] / "data" / "histories"
NAMES = ("kube-state-metrics", "python-gitlab")
NOW = datetime(2026, 9, 1, tzinfo=UTC)
RANGE = f"start_date={(NOW - timedelta(days=5000)).date()}&end_date=2026-08-31"
CONTAINERS = ("groups/open", *(f"projects/open%2F{name}" for name in NAMES))


@pytest.fixture(scope="module", params=["merge_requests", "daily_medians"])
def polled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PolledExporter]:
    """An exporter that has polled both; GitLab is gone, for nothing is to be asked of it."""
    world = World(clock=lambda: NOW)
    for name in NAMES:
        load(world, HISTORIES / f"{name}.json", project_path=f"open/{name}")
    with SimulatedGitLab(world) as gitlab:
        settings = {
            "gitlab": {
                "url": gitlab.url,
                "token": DEFAULT_TOKEN,
                "max_requests_per_second": 1_000_000,
            },
            "groups": ["open"],
            "poll": {"history": "5000d", "retention": "5000d"},
            "lead_time": {"aggregation": request.param},
            "store": {"url": f"sqlite:///{tmp_path_factory.mktemp('real') / 'dora.db'}"},
            "api": {"auth": "none", "max_range": "5000d"},
        }
        with polled_exporter(settings, NOW) as exporter:
            gitlab.stop()
            yield exporter


@pytest.mark.parametrize(
    "interval",
    ["monthly", *(pytest.param(one, marks=pytest.mark.long) for one in ("daily", "all"))],
)
def test_parts_make_the_numbers(polled: PolledExporter, interval: str) -> None:
    buckets = [
        one
        for container in CONTAINERS
        for metric in ("deployment_frequency", "lead_time_for_changes")
        for one in explained(
            polled.get, f"/{container}/dora/metrics?metric={metric}&interval={interval}&{RANGE}"
        )
    ]
    full = [one for one in buckets if one.parts]
    chosen = Random(1).sample(full, min(100, len(full)))
    assert len(chosen) == (6 if interval == "all" else 100)
    assert [flaw for one in chosen if (flaw := one.flaw())] == []
    assert any(one.metric == "lead_time_for_changes" and one.answered for one in chosen)


def test_a_part_less_or_another_number_is_noticed(polled: PolledExporter) -> None:
    url = (
        "/groups/open/dora/metrics?metric=lead_time_for_changes&interval=all&start_date=2026-01-01"
    )
    (bucket,) = explained(polled.get, url)
    assert bucket.flaw() is None
    assert bucket.answered is not None
    assert len(bucket.parts) > 3
    assert replace(bucket, parts=bucket.parts[1:]).flaw()
    one_off = {**bucket.totals, "value": bucket.answered + 1}
    assert replace(bucket, totals=one_off, answered=bucket.answered + 1).flaw()


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_merge_request_is_named(polled: PolledExporter, name: str) -> None:
    recorded = json.loads((HISTORIES / f"{name}.json").read_text(encoding="utf-8"))
    (bucket,) = explained(
        polled.get,
        f"/projects/open%2F{name}/dora/metrics?metric=lead_time_for_changes&interval=all&{RANGE}",
    )
    first, *others = sorted(recorded["deployments"], key=lambda one: str(one["finished_at"]))
    expected = [(one["sha"], iid) for one in others for iid in one["merge_requests"]]
    named = [
        (part["deployment"]["sha"], part["merge_request"]["iid"])
        for part in bucket.parts
        if part["counted"]
    ]
    assert sorted(named) == sorted(expected)
    (left,) = (part for part in bucket.parts if part["reason"] == "first_deployment")
    assert left["deployment"]["sha"] == first["sha"]
    without = {part["deployment"]["sha"] for part in bucket.parts if not part["counted"]}
    assert without == {first["sha"], *(one["sha"] for one in others if not one["merge_requests"])}
