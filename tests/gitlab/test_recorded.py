"""Answers that a real GitLab once gave, polled by the whole exporter."""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from exporter.config import Settings, TokenSource
from exporter.dora.facts import Deployment, MergeRequest
from exporter.instant import parse
from exporter.metrics.snapshot import take_snapshot
from exporter.service import Service
from tests.gitlab.clock import LockstepClock
from tests.gitlab.server import Answering, Asked, ScriptedServer, Told
from tests.store.facts import history_of

RECORDED = Path(__file__).parents[3] / "shared" / "recorded"
PROJECT, PATH = 12345678, "top/app"
API = "/api/v4/projects/12345678"
STAGING, PRODUCTION = 585637, 585636
SUCCESS, ITS_JOB_ENDED = 13426753, "2019-03-13T14:17:47.640Z"
WITHOUT_JOB_END, ITS_UPDATE = 13432768, "15:02:23.332Z"

Answers = list[dict[str, Any]]

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not here")


def recorded(name: str) -> Answers:
    answers: Answers = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return answers


def deployed_later(deployments: Answers) -> Answers:
    """Let all deployments be successful, and on a day after the merge requests were merged."""
    text = json.dumps(deployments).replace("2019-03-13T", "2022-06-14T")
    return [{**one, "status": "success"} for one in json.loads(text)]


def gitlab_of(deployments: Answers, merge_requests: Answers) -> Answering:
    """A GitLab of that time: no GraphQL, no tiers, no filter by finish and none by status."""
    environments = {one["environment"]["id"]: one["environment"] for one in deployments}
    lists: dict[str, object] = {
        API: {"id": PROJECT, "path_with_namespace": PATH},
        f"{API}/deployments": deployments,
        f"{API}/environments": list(environments.values()),
        **{f"{API}/deployments/{one['id']}/merge_requests": merge_requests for one in deployments},
    }

    def answer(asked: Asked) -> Told:
        if asked.query.get("order_by") == "finished_at":
            return Told({"error": "order_by does not have a valid value"}, 400)
        if asked.path not in lists:
            return Told({"error": "404 Not Found"}, 404)
        return Told(lists[asked.path])

    return answer


Start = Callable[..., Service]


@pytest.fixture
def start(serve: Callable[[Answering], ScriptedServer], tmp_path: Path) -> Any:
    """Starts an exporter of a GitLab with some deployments, on the day after them."""
    with ExitStack() as stack:

        def service(deployments: Answers, now: str, **settings: object) -> Service:
            server = serve(gitlab_of(deployments, recorded("merge_requests")))
            given = {
                "gitlab": {"url": server.url, "token": "sesame", "max_requests_per_second": 1000},
                "projects": [PROJECT],
                "windows": ["7d"],
                "store": {"url": f"sqlite:///{tmp_path / 'dora.db'}"},
                **settings,
            }
            return stack.enter_context(
                Service(
                    Settings.model_validate(given),
                    TokenSource(token="sesame"),
                    clock=LockstepClock(datetime.fromisoformat(now)),
                )
            )

        yield service


def poll(service: Service) -> None:
    """Poll twice, an hour apart: nothing stops it."""
    for _ in range(2):
        assert service.poll()
        assert service.status.view().failing == {}
        clock = service.clock
        assert isinstance(clock, LockstepClock)
        clock.advance(hours=1)


def stored(service: Service) -> dict[int, Deployment]:
    return {one.id: one for one in history_of(service.store, [PROJECT]).get(PROJECT, [])}


def rows(service: Service) -> Mapping[str, Any]:
    ((_, found),) = take_snapshot(service.view, service.settings).projects
    return {row.tier: row for row in found}


def test_only_success_counts(start: Start) -> None:
    statuses = {one["status"] for one in recorded("deployments")}
    assert {"success", "completed", "undeployed", "failed", "running"} <= statuses
    service = start(recorded("deployments"), "2019-03-14T12:00:00Z")
    poll(service)
    (deployment,) = stored(service).values()
    assert (deployment.id, deployment.environment_id) == (SUCCESS, STAGING)
    assert deployment.finished_at == parse(ITS_JOB_ENDED)
    assert deployment.first
    found = rows(service)
    assert {tier: row.deployments_total for tier, row in found.items()} == {
        "staging": 1,
        "production": 0,
    }
    period = found["staging"].current["7d"]
    assert (period.deployments, period.merge_requests, period.lead_time) == (1, 0, {})
    assert found["staging"].last_deployment == parse(ITS_JOB_ENDED)
    assert found["production"].current["7d"].deployments == 0
    assert found["production"].last_deployment is None


def test_merge_requests_are_kept_as_they_were_answered(start: Start) -> None:
    rules = {"first_deployment": "include"}
    service = start(recorded("deployments"), "2019-03-14T12:00:00Z", lead_time=rules)
    poll(service)
    (deployment,) = stored(service).values()
    assert sorted(deployment.merge_requests, key=lambda one: one.iid) == [
        MergeRequest(
            one["iid"], parse(one["merged_at"]), one["target_branch"], one["author"]["username"]
        )
        for one in recorded("merge_requests")
        if one["merged_at"]  # the history leaves out what has no lead time
    ]
    assert None in {one["merged_at"] for one in recorded("merge_requests")}


def test_merged_after_the_deployment_took_no_time(start: Start) -> None:
    rules = {"first_deployment": "include"}
    service = start(recorded("deployments"), "2019-03-14T12:00:00Z", lead_time=rules)
    poll(service)
    period = rows(service)["staging"].current["7d"]
    merged = [one for one in recorded("merge_requests") if one["merged_at"]]
    assert period.merge_requests == len(merged) == 10
    assert set(period.lead_time.values()) == {0}


def test_all_deployments_are_read_whatever_they_lack(start: Start) -> None:
    deployments = deployed_later(recorded("deployments"))
    assert any("updated_at" not in one for one in deployments)
    service = start(deployments, "2022-06-15T12:00:00Z")
    poll(service)
    expected = {
        one["id"]: parse(one["deployable"]["finished_at"] or one["updated_at"])
        for one in deployments
    }
    found = stored(service)
    assert {one.id: one.finished_at for one in found.values()} == expected
    assert found[WITHOUT_JOB_END].finished_at == parse(f"2022-06-14T{ITS_UPDATE}")
    first = {one.environment_id: one.id for one in found.values() if one.first}
    assert first == {STAGING: 13426753, PRODUCTION: 13436532}
    assert {tier: row.deployments_total for tier, row in rows(service).items()} == {
        "staging": 5,
        "production": 3,
    }


def test_lead_time_is_the_median_over_what_was_merged(start: Start) -> None:
    deployments = deployed_later(recorded("deployments"))
    service = start(deployments, "2022-06-15T12:00:00Z")
    poll(service)
    merged = [parse(one["merged_at"]) for one in recorded("merge_requests") if one["merged_at"]]
    finished = [
        parse(one["deployable"]["finished_at"])
        for one in deployments
        if one["environment"]["id"] == PRODUCTION and one["id"] != 13436532
    ]
    seconds = [(end - begin) / 1_000_000 for end in finished for begin in merged]
    period = rows(service)["production"].current["7d"]
    assert period.merge_requests == len(seconds) == 20
    assert period.lead_time[50] == pytest.approx(median(seconds))
    assert timedelta(days=300) < timedelta(seconds=period.lead_time[50]) < timedelta(days=1200)
