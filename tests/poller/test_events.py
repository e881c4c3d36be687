"""Events of GitLab and the polls that they cause, with everything between, on one clock."""

import pytest

from exporter.simulator import SimulatedGitLab, World
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import add_app, deploy
from tests.poller.events import Events
from tests.waiting import wait_until
from tests.webhook.payloads import SECRET

WEBHOOK = {"secret": SECRET}


@pytest.fixture
def exporter(start: StartExporter) -> DrivenExporter:
    return start(webhook=WEBHOOK)


def test_without_a_secret_there_is_no_such_path(start: StartExporter) -> None:
    exporter = start()
    assert exporter.page("/webhook").status_code == 404
    assert exporter.series("exporter_webhook_events_total") == []
    assert "Deployment events</dt><dd>not listened for" in exporter.page("/").text


def test_the_landing_page_tells_where_events_go(exporter: DrivenExporter) -> None:
    page = exporter.page("/").text
    assert "Deployment events</dt><dd>listened for at /webhook" in page
    assert SECRET not in page


def test_only_the_named_project_is_polled(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    app, api = add_app(world), add_app(world, "acme/api")
    exporter.poll()
    events = Events(exporter)
    clock.advance(minutes=1)
    deployed = deploy(world, app)
    deploy(world, api)
    clock.advance(seconds=1)
    assert events.send(project=app.project.id, deployment=deployed.id) == "accepted"
    assert events.poll()
    assert (exporter.recent("acme/app"), exporter.recent("acme/api")) == (1, 0)
    clock.advance(hours=6)  # when all are asked, for events that got lost
    exporter.poll()
    assert (exporter.recent("acme/app"), exporter.recent("acme/api")) == (1, 1)


def test_a_replay_after_a_restart_asks_gitlab_nothing(
    world: World,
    gitlab: SimulatedGitLab,
    start: StartExporter,
) -> None:
    app = add_app(world)
    deployed = deploy(world, app, ago=60)
    first = start(webhook=WEBHOOK)
    first.poll()
    first.close()
    second = start(webhook=WEBHOOK)
    events = Events(second)
    gitlab.requests.clear()
    assert events.send(project=app.project.id, deployment=deployed.id) == "accepted"
    assert events.poll()
    assert events.send(project=app.project.id, deployment=deployed.id) == "replayed"
    assert not events.poll()
    assert list(gitlab.requests) == []


def test_what_finished_after_the_poll_began_is_asked_for_again(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    """As where GitLab's clock is ahead: it is stored, but not in the numbers."""
    app = add_app(world)
    exporter.poll()
    events = Events(exporter)
    deployed = deploy(world, app, ago=-5)
    events.send(project=app.project.id, deployment=deployed.id)
    assert events.poll()
    clock.advance(minutes=3)
    assert events.poll()
    assert exporter.recent("acme/app") == 1
    assert not events.poll()


def test_a_success_that_the_api_does_not_show_yet_is_asked_for_again(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    app = add_app(world)
    exporter.poll()
    running = world.add_deployment(app, status="running", created_at=clock())
    events = Events(exporter)
    events.send(project=app.project.id, deployment=running.id)
    assert events.poll()
    world.finish(running)
    clock.advance(minutes=3)
    assert events.poll()
    assert exporter.recent("acme/app") == 1
    assert not events.poll()


def test_events_are_heard_while_the_first_poll_runs(
    world: World, exporter: DrivenExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take hours, and what it has read already may have news."""
    app = add_app(world)
    outcomes = []

    def run() -> bool:
        outcomes.append(events.send(project=app.project.id))
        return True

    events = Events(exporter)
    assert events.send(project=app.project.id) == "ignored"
    monkeypatch.setattr(exporter.service._poll, "run", run)
    exporter.poll()
    assert outcomes == ["accepted"]


def test_a_new_project_is_left_to_discovery(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    add_app(world)
    exporter.poll()
    events = Events(exporter)
    fresh = add_app(world, "acme/fresh")
    assert events.send(project=fresh.project.id) == "ignored"
    assert not events.poll()
    clock.advance(hours=2)
    exporter.poll()
    assert events.send(project=fresh.project.id) == "accepted"


def test_what_came_is_counted(world: World, exporter: DrivenExporter) -> None:
    app = add_app(world)
    exporter.poll()
    events = Events(exporter)
    for _ in range(3):
        events.send(project=app.project.id)
    events.send(status="failed")
    found = exporter.series("exporter_webhook_events_total")
    assert {labels["outcome"]: value for labels, value in found} == {
        "accepted": 1,
        "replayed": 2,
        "ignored": 1,
        "malformed": 0,
        "unauthorized": 0,
    }


def test_the_service_has_events_polled_in_the_background(
    world: World, exporter: DrivenExporter
) -> None:
    """Scheduler and all; the end of the service waits for nothing."""
    app = add_app(world)
    exporter.poll()
    service = exporter.service
    service.start()
    deployed = deploy(world, app, ago=1)
    events = Events(exporter, scheduling=False)
    assert events.send(project=app.project.id, deployment=deployed.id) == "accepted"
    wait_until(lambda: service.store.readings.unshown([deployed.id]) == set())
    assert service.close(20)
