import logging
from dataclasses import replace

import pytest

from exporter.simulator import DEFAULT_TOKEN, Fault, SimulatedGitLab, World
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, add_app, deploy

ERRORS = "exporter_project_poll_errors_total"
STALE = "exporter_stale_projects"
UP = "exporter_up"
LAST_POLL = "exporter_last_poll_success_timestamp_seconds"

APPS = [f"acme/team-{number % 2}/app-{number}" for number in range(4)]


@pytest.fixture(autouse=True)
def _estate(world: World) -> None:
    for number, path in enumerate(APPS):
        production = add_app(world, path)
        for count in range(number + 1):
            deploy(world, production, (count + 1) * HOUR, ago=900 * (count + 1))


def broken_for(path: str, world: World) -> str:
    """Match the requests about a project, but not those of discovery."""
    project = world.find_project(path)
    assert project is not None
    return f"/projects/{project.id}/(deployments|environments)"


def numbers_without(exporter: DrivenExporter, *paths: str) -> object:
    """Return what is shown of all projects but some, groups aside."""
    return {
        key: value
        for key, value in exporter.numbers().items()
        if not any(("project", path) in key[1] for path in paths)
        and not key[0].startswith("gitlab_dora_group")
    }


def test_projects_that_fail_at_the_first_poll_delay_no_other_and_recover(
    world: World,
    gitlab: SimulatedGitLab,
    start: StartExporter,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    undisturbed = start(database="undisturbed.db")
    undisturbed.poll()
    exporter = start()
    gitlab.faults.add(Fault("status", broken_for(APPS[0], world), status=500))
    gitlab.faults.add(Fault("status", broken_for(APPS[1], world), status=403))
    with caplog.at_level(logging.WARNING):
        assert exporter.poll()
    assert exporter.recent(APPS[0]) is None
    assert exporter.recent(APPS[1]) is None
    assert numbers_without(exporter) == numbers_without(undisturbed, APPS[0], APPS[1])
    assert exporter.value(ERRORS, project=APPS[0]) == 1
    assert exporter.value(ERRORS, project=APPS[1]) == 1
    assert exporter.value(ERRORS, project=APPS[3]) == 0
    assert exporter.value(STALE) == 2
    assert exporter.value(UP) == 1
    told = [vars(record)["fields"] for record in caplog.records if hasattr(record, "fields")]
    assert {(one["project"], one["kind"]) for one in told if "project" in one} == {
        (APPS[0], "unavailable"),
        (APPS[1], "forbidden"),
    }
    gitlab.faults.clear()
    clock.advance(minutes=5)
    exporter.poll()
    undisturbed.poll()
    assert exporter.numbers() == undisturbed.numbers()
    assert exporter.value(STALE) == 0
    assert exporter.value(ERRORS, project=APPS[0]) == 1


def test_projects_that_fail_later_keep_their_last_values_with_their_own_end(
    world: World, gitlab: SimulatedGitLab, exporter: DrivenExporter, clock: FakeClock
) -> None:
    world.features.graphql = False  # so that each project is asked by itself
    exporter.poll()
    before = {path: exporter.recent(path, "1d") for path in APPS}
    for status, path in ((500, APPS[2]), (403, APPS[3])):
        gitlab.faults.add(Fault("status", broken_for(path, world), status=status))
    clock.advance(hours=36)
    exporter.poll()
    for path in APPS[:2]:
        assert exporter.recent(path, "1d") == 0
    for path in APPS[2:]:
        assert exporter.recent(path, "1d") == before[path]
        assert exporter.value(ERRORS, project=path) == 1
    assert exporter.value(STALE) == 2
    assert exporter.value(LAST_POLL) == pytest.approx(clock().timestamp(), abs=60)
    # The group's window ends at the poll, for all of its projects.
    assert exporter.group_recent("acme", "1d") == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", "deployments[?]", status=500),
        Fault("status", "merge_requests", status=429, retry_after=1),
        Fault("reset", "deployments[?]"),
        Fault("truncated_json", "deployments[?]"),
        Fault("missing_fields", "merge_requests", fields=("iid",)),
        *(
            pytest.param(one, marks=pytest.mark.long)
            for one in (
                Fault("status", "deployments[?]", status=404),
                Fault("status", "merge_requests", status=403),
                Fault("status", "merge_requests", status=502),
                Fault("timeout", "merge_requests", delay=4),
                Fault("cut", "merge_requests"),
                Fault("wrong_json", "merge_requests"),
                Fault("wrong_json", "deployments[?]"),
                Fault("missing_fields", "deployments[?]", fields=("id",)),
                Fault("null_fields", "deployments[?]", fields=("environment",)),
                Fault("null_fields", "merge_requests", fields=("iid",)),
            )
        ),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.match[:6]}",
)
def test_every_kind_of_fault_stays_with_its_project(
    world: World, gitlab: SimulatedGitLab, start: StartExporter, fault: Fault
) -> None:
    world.features.graphql_deployment_merge_requests = False
    undisturbed = start(database="undisturbed.db")
    undisturbed.poll()
    exporter = start(gitlab={"timeout": "1s" if fault.kind == "timeout" else "30s"})
    project = world.find_project(APPS[2])
    assert project is not None
    gitlab.faults.add(replace(fault, match=f"/projects/{project.id}/.*{fault.match}"))
    assert exporter.poll()
    assert exporter.value(ERRORS, project=APPS[2]) == 1
    assert exporter.value(STALE) == 1
    assert numbers_without(exporter, APPS[2]) == numbers_without(undisturbed, APPS[2])
    gitlab.faults.clear()
    exporter.poll()
    undisturbed.poll()
    assert exporter.numbers() == undisturbed.numbers()
    assert exporter.value(STALE) == 0


def test_a_slow_answer_is_no_failure(
    world: World, gitlab: SimulatedGitLab, start: StartExporter
) -> None:
    exporter = start()
    gitlab.faults.add(Fault("slow", broken_for(APPS[2], world), delay=0.2))
    exporter.poll()
    assert exporter.recent(APPS[2]) == 3
    assert exporter.value(STALE) == 0


def test_an_answer_that_fails_before_the_last_try_is_no_failure(
    gitlab: SimulatedGitLab, exporter: DrivenExporter
) -> None:
    gitlab.faults.add(Fault("status", status=502, times=3))
    exporter.poll()
    assert [exporter.recent(path) for path in APPS] == [1, 2, 3, 4]
    assert exporter.value(STALE) == 0
    assert sum(record.status == 502 for record in gitlab.requests) == 3


def test_fields_that_are_not_needed_may_be_missing(
    gitlab: SimulatedGitLab, exporter: DrivenExporter
) -> None:
    unneeded = ("iid", "sha", "ref", "user", "state", "slug", "updated_at", "labels", "title")
    gitlab.faults.add(Fault("missing_fields", "/deployments[?]|/environments", fields=unneeded))
    exporter.poll()
    assert [exporter.recent(path) for path in APPS] == [1, 2, 3, 4]
    assert exporter.value(STALE) == 0


def test_without_any_answer_the_exporter_is_down_and_its_values_stay(
    gitlab: SimulatedGitLab, exporter: DrivenExporter, clock: FakeClock
) -> None:
    exporter.poll()
    before, end = exporter.numbers(), exporter.value(LAST_POLL)
    gitlab.faults.add(Fault("reset"))
    clock.advance(hours=7)
    assert not exporter.poll()
    assert exporter.value(UP) == 0
    assert exporter.numbers() == before
    assert exporter.value(LAST_POLL) == end
    assert exporter.value(STALE) == len(APPS)
    assert exporter.page("/-/healthy").status_code == 200
    assert exporter.page("/-/ready").status_code == 200


def test_a_first_poll_without_any_answer_is_not_ready(
    gitlab: SimulatedGitLab, exporter: DrivenExporter, clock: FakeClock
) -> None:
    gitlab.faults.add(Fault("status", status=502))
    assert not exporter.poll()
    assert exporter.value(UP) == 0
    assert exporter.page("/-/ready").status_code == 503
    assert exporter.numbers() == {}
    gitlab.faults.clear()
    clock.advance(minutes=5)
    assert exporter.poll()
    assert exporter.page("/-/ready").status_code == 200
    assert exporter.recent(APPS[3]) == 4


def test_a_revoked_token_takes_the_exporter_down_until_it_is_restored(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    exporter.poll()
    before, end = exporter.numbers(), exporter.value(LAST_POLL)
    world.tokens[DEFAULT_TOKEN].revoked = True
    for _ in range(2):
        clock.advance(hours=14)
        assert not exporter.poll()
    assert exporter.value(UP) == 0
    assert exporter.numbers() == before
    assert exporter.value(LAST_POLL) == end
    assert exporter.value(STALE) == len(APPS)
    assert exporter.projects() == set(APPS)
    world.tokens[DEFAULT_TOKEN].revoked = False
    clock.advance(minutes=5)
    assert exporter.poll()
    assert exporter.value(UP) == 1
    assert exporter.value(STALE) == 0
    assert exporter.recent(APPS[3], "1d") == 0
    assert exporter.recent(APPS[3], "7d") == 4
    assert exporter.value(LAST_POLL) == pytest.approx(clock().timestamp(), abs=60)


def test_a_refused_token_is_not_tried_on_every_project(
    world: World,
    gitlab: SimulatedGitLab,
    exporter: DrivenExporter,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Hundreds of refusals make GitLab block the address, and say no more than a few."""
    for number in range(40):
        deploy(world, add_app(world, f"acme/many/app-{number}"), HOUR, ago=900)
    exporter.poll()
    before = exporter.numbers()
    world.tokens[DEFAULT_TOKEN].revoked = True
    clock.advance(days=3)
    gitlab.requests.clear()
    with caplog.at_level(logging.WARNING):
        assert not exporter.poll()
    assert len(gitlab.requests) < 20
    assert sum("project cannot be polled" in one.getMessage() for one in caplog.records) < 10
    assert sum("GitLab refuses the token" in one.getMessage() for one in caplog.records) == 1
    assert exporter.value(STALE) == 40 + len(APPS)
    assert exporter.numbers() == before
    world.tokens[DEFAULT_TOKEN].revoked = False
    clock.advance(minutes=5)
    assert exporter.poll()
    assert exporter.value(STALE) == 0


def test_one_server_that_refuses_the_token_stops_no_poll(
    world: World, gitlab: SimulatedGitLab, exporter: DrivenExporter
) -> None:
    for path in APPS[:2]:
        gitlab.faults.add(Fault("status", broken_for(path, world), status=401))
    assert exporter.poll()
    assert exporter.value(STALE) == 2
    assert exporter.recent(APPS[3]) == 4


def test_the_trailing_windows_end_at_the_last_poll_not_at_the_scrape(
    exporter: DrivenExporter, clock: FakeClock
) -> None:
    exporter.poll()
    before = exporter.numbers()
    clock.advance(days=3)
    assert exporter.numbers() == before
    exporter.poll()
    assert exporter.recent(APPS[3], "1d") == 0
    previous = exporter.value("project_previous_deployments", project=APPS[3], window="7d")
    assert previous == 0
    clock.advance(days=5)
    exporter.poll()
    assert exporter.recent(APPS[3], "7d") == 0
    previous = exporter.value("project_previous_deployments", project=APPS[3], window="7d")
    assert previous == 4


def test_a_trailing_window_holds_its_end_but_not_its_beginning(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world, "acme/edge")
    deploy(world, production, ago=24 * HOUR)
    deploy(world, production, ago=24 * HOUR - 1)
    deploy(world, production, ago=0)
    start = clock.now()
    exporter.poll()
    assert exporter.value(LAST_POLL) == pytest.approx(start / 1e6, abs=0.5)
    # Discovery takes its moments before the poll begins, less than the second that is left.
    assert exporter.recent("acme/edge", "1d") == 2


def test_json_tells_of_a_failing_project_what_is_known(
    world: World, gitlab: SimulatedGitLab, exporter: DrivenExporter, clock: FakeClock
) -> None:
    exporter.poll()
    day = clock().date().isoformat()
    gitlab.faults.add(Fault("status", broken_for(APPS[3], world), status=500))
    clock.advance(days=2)
    exporter.poll()
    project = world.find_project(APPS[3])
    assert project is not None
    known = exporter.dora(f"projects/{project.id}", start_date=day, end_date=day)
    assert known == [{day: 4}]


def test_ready_tells_where_to_look_while_the_first_poll_keeps_failing(
    gitlab: SimulatedGitLab, exporter: DrivenExporter
) -> None:
    unready = "not ready: the first poll is not complete"
    assert exporter.page("/-/ready").text == f"{unready}\n"
    gitlab.faults.add(Fault("status", status=401))
    assert not exporter.poll()
    page = exporter.page("/-/ready")
    assert page.status_code == 503
    assert page.text == (
        f"{unready}, and the last try failed: the log and `gitlab-dora-exporter doctor` say why\n"
    )
    gitlab.faults.clear()
    assert exporter.poll()
    assert exporter.page("/-/ready").text == "ready\n"


def test_the_log_tells_projects_in_scope_from_those_that_were_asked_about(
    start: StartExporter, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A quiet estate is not asked about at each poll, and has not lost its projects."""
    exporter = start(poll={"interval": "5m", "freshness": "1h"})
    with caplog.at_level(logging.INFO):
        assert exporter.poll()
        clock.advance(days=3)
        assert exporter.poll()
        clock.advance(minutes=1)
        assert exporter.poll()
    told = [vars(one)["fields"] for one in caplog.records if one.getMessage() == "poll finished"]
    counted = [(one["projects"], one["asked"], one["failed"]) for one in told]
    assert counted == [(4, 4, 0), (4, 4, 0), (4, 0, 0)]


def test_the_last_line_of_a_poll_says_why_projects_failed(
    world: World,
    gitlab: SimulatedGitLab,
    exporter: DrivenExporter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With many projects it is the line that is read."""
    assert exporter.poll()
    gitlab.faults.add(Fault("status", broken_for(APPS[0], world), status=403))
    gitlab.faults.add(Fault("status", status=401))
    with caplog.at_level(logging.ERROR):
        assert not exporter.poll()
    (told,) = [vars(one)["fields"] for one in caplog.records if hasattr(one, "fields")]
    assert (told["failed"], told["why"]) == (4, "unauthorized 3, forbidden 1")
    gitlab.faults.clear()
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert exporter.poll()
    (told,) = [vars(one)["fields"] for one in caplog.records if one.msg == "poll finished"]
    assert "why" not in told
