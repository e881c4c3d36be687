"""When merge requests are read between polls; the scheduler is a list, time stands still."""

from dataclasses import dataclass, field

import pytest

from exporter.poller import Settling
from exporter.poller.settling import PATIENCE
from exporter.simulator import SimulatedGitLab, World
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, add_app, deploy


@dataclass
class Waiting:
    """Deployments that wait until their merge requests are final, and a scheduler."""

    seconds: float | None = None
    next_poll: float = 3600.0
    reads: int = 0
    planned: list[float] = field(default_factory=list)

    def settling(self, *, polls: bool = True) -> Settling:
        settling = Settling(self._read, lambda: self.seconds)
        settling.begin(
            self.planned.append, next_poll_in=(lambda: self.next_poll) if polls else None
        )
        return settling

    def _read(self) -> None:
        self.reads += 1


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


def test_they_are_read_when_they_are_final(waiting: Waiting) -> None:
    settling = waiting.settling()
    waiting.seconds = 240
    settling.expect()
    assert (waiting.planned, waiting.reads) == ([240], 0)
    waiting.seconds = None
    settling.read()
    assert (waiting.planned, waiting.reads) == ([240], 1)


def test_where_nothing_waits_nothing_is_planned(waiting: Waiting) -> None:
    waiting.settling().expect()
    assert waiting.planned == []


def test_they_are_left_to_a_poll_that_comes_soon(waiting: Waiting) -> None:
    settling = waiting.settling()
    waiting.seconds = 240
    waiting.next_poll = 240 + PATIENCE
    settling.expect()
    assert waiting.planned == []
    waiting.next_poll += 1
    settling.expect()
    assert waiting.planned == [240]


def test_they_are_left_to_no_poll_that_may_ask_nothing(waiting: Waiting) -> None:
    waiting.seconds, waiting.next_poll = 240, 0
    waiting.settling(polls=False).expect()
    assert waiting.planned == [240]


def test_two_are_not_planned_beside_each_other(waiting: Waiting) -> None:
    settling = waiting.settling()
    waiting.seconds = 240
    settling.expect()
    waiting.seconds = 290
    settling.expect()
    assert waiting.planned == [240]


def test_after_a_poll_that_brought_more_they_are_read_with_those(waiting: Waiting) -> None:
    settling = waiting.settling()
    waiting.seconds = 240
    settling.expect()
    waiting.seconds = 100  # of what the poll brought, which read those that were final
    settling.read()
    assert (waiting.planned, waiting.reads) == ([240, 100], 0)
    waiting.seconds = None
    settling.read()
    assert waiting.reads == 1


def test_before_there_is_a_scheduler_nothing_is_planned() -> None:
    settling = Settling(lambda: None, lambda: 240)
    settling.expect()


class Between:
    """Polls of an exporter whose next usual one is far away, and what comes between."""

    def __init__(self, exporter: DrivenExporter) -> None:
        self._service = exporter.service
        self.planned: list[float] = []
        self._service._settling.begin(self.planned.append, next_poll_in=lambda: HOUR)

    def pass_to_the_reading(self, clock: FakeClock) -> None:
        (seconds,) = self.planned
        self.planned.clear()
        clock.advance(seconds=seconds)
        self._service._settling.read()


@pytest.mark.parametrize("graphql", [True, False], ids=["graphql", "rest"])
def test_a_lead_time_does_not_wait_for_the_next_poll(
    world: World, gitlab: SimulatedGitLab, start: StartExporter, clock: FakeClock, graphql: bool
) -> None:
    """It is read by a request that asks for nothing else."""
    world.features.graphql = graphql
    production = add_app(world)
    exporter = start(poll={"interval": "1h"})
    between = Between(exporter)
    deploy(world, production, HOUR, ago=30)
    exporter.poll()
    polled_at = exporter.value("exporter_last_poll_success_timestamp_seconds")
    assert (exporter.recent("acme/app"), exporter.merge_requests("acme/app")) == (1, 0)
    assert between.planned == [pytest.approx(270, abs=0.01)]
    gitlab.requests.clear()
    between.pass_to_the_reading(clock)
    assert len(gitlab.requests) == 1
    assert exporter.merge_requests("acme/app") == 1
    # REST tells the end of the job, which is a guess at the deployment's.
    assert exporter.lead_time("acme/app") == pytest.approx(HOUR, abs=0.01)
    assert exporter.value("exporter_last_poll_success_timestamp_seconds") == polled_at
    assert between.planned == []


def test_after_a_restart_it_is_planned_again(
    world: World, start: StartExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    first = start()
    deploy(world, production, HOUR, ago=30)
    first.poll()
    first.close()
    clock.advance(minutes=1)
    exporter = start()
    between = Between(exporter)
    exporter.poll()
    assert between.planned == [pytest.approx(210, abs=0.01)]
    between.pass_to_the_reading(clock)
    assert exporter.lead_time("acme/app") == HOUR


def test_a_reading_that_fails_is_left_to_the_next_poll(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    between = Between(exporter)
    deploy(world, production, HOUR, ago=30)
    exporter.poll()
    tokens, world.tokens = world.tokens, {}
    between.pass_to_the_reading(clock)
    assert exporter.merge_requests("acme/app") == 0
    assert between.planned == []
    world.tokens = tokens
    exporter.poll()
    assert exporter.merge_requests("acme/app") == 1


def test_a_finish_ahead_of_the_clock_holds_up_no_other(
    world: World, exporter: DrivenExporter
) -> None:
    production = add_app(world)
    between = Between(exporter)
    deploy(world, production, HOUR, ago=30)
    deploy(world, production, HOUR, ago=-40 * HOUR)
    exporter.poll()
    assert between.planned == [pytest.approx(270, abs=0.01)]
