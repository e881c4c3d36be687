"""Jobs of the schedule, held and released by events; its shortest interval is a second."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Barrier, Event, Lock, Semaphore
from time import monotonic

import pytest

from exporter.gitlab import StoppedError
from exporter.poller import Schedule

SECOND = timedelta(seconds=1)
LONG = timedelta(hours=1)
PATIENCE = 20.0

Begin = Callable[..., Schedule]


def nothing() -> None:
    """Do nothing."""


@pytest.fixture
def stop() -> Event:
    return Event()


@pytest.fixture
def begin(stop: Event) -> Iterator[Begin]:
    """Start a schedule; it is shut down after the test."""
    started: list[Schedule] = []

    def begin_one(
        *,
        poll: Callable[[], object] = nothing,
        discover: Callable[[], object] = nothing,
        poll_interval: timedelta = LONG,
        discovery_interval: timedelta = LONG,
    ) -> Schedule:
        schedule = Schedule(
            poll=poll,
            discover=discover,
            poll_interval=poll_interval,
            discovery_interval=discovery_interval,
            stop=stop,
        )
        schedule.start()
        started.append(schedule)
        return schedule

    yield begin_one
    for schedule in started:
        if schedule._scheduler.running:
            assert schedule.shut_down(PATIENCE)


def test_both_jobs_run_at_once_at_the_start(begin: Begin) -> None:
    together = Barrier(3)
    begin(poll=lambda: together.wait(PATIENCE), discover=lambda: together.wait(PATIENCE))
    together.wait(PATIENCE)


def test_a_job_runs_again_and_again(begin: Begin) -> None:
    runs = Semaphore(0)
    begin(poll=runs.release, poll_interval=SECOND)
    assert all(runs.acquire(timeout=PATIENCE) for _ in range(3))


def test_a_job_that_outlasts_its_interval_never_overlaps_itself(begin: Begin) -> None:
    polls, discoveries = Semaphore(0), Semaphore(0)
    release = Event()

    def poll() -> None:
        polls.release()
        assert release.wait(PATIENCE)

    begin(poll=poll, discover=discoveries.release, poll_interval=SECOND, discovery_interval=SECOND)
    assert polls.acquire(timeout=PATIENCE)
    # The other job goes on meanwhile: three of its intervals are three of the poll's.
    assert all(discoveries.acquire(timeout=PATIENCE) for _ in range(4))
    assert not polls.acquire(blocking=False)
    release.set()
    assert polls.acquire(timeout=PATIENCE)


def test_a_poll_that_outlasts_its_interval_is_told_once_by_the_name_of_the_key(
    begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    polls, discoveries = Semaphore(0), Semaphore(0)
    ends = [Event(), Event()]
    waiting = iter(ends)

    def poll() -> None:
        end = next(waiting, None)
        polls.release()
        assert end is None or end.wait(PATIENCE)

    def told() -> list[str]:
        return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]

    long = "poll takes longer than poll.interval, the next one waits for it"
    with caplog.at_level(logging.WARNING):
        begin(
            poll=poll,
            discover=discoveries.release,
            poll_interval=SECOND,
            discovery_interval=SECOND,
        )
        assert polls.acquire(timeout=PATIENCE)
        assert all(discoveries.acquire(timeout=PATIENCE) for _ in range(5))
        assert told() == [long]
        ends[0].set()
        assert polls.acquire(timeout=PATIENCE)
        while discoveries.acquire(blocking=False):
            pass
        assert all(discoveries.acquire(timeout=PATIENCE) for _ in range(4))
        assert told() == [long] * 2
        ends[1].set()


def test_an_exception_does_not_end_the_schedule(
    begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    runs = Semaphore(0)

    def fail() -> None:
        runs.release()
        raise RuntimeError("made to fail")

    with caplog.at_level(logging.ERROR):
        begin(poll=fail, poll_interval=SECOND)
        assert all(runs.acquire(timeout=PATIENCE) for _ in range(2))
    assert "poll failed, it will be tried again" in caplog.text
    assert "made to fail" in caplog.text


def test_a_job_that_is_told_to_stop_is_no_failure(
    begin: Begin, stop: Event, caplog: pytest.LogCaptureFixture
) -> None:
    began = Event()

    def poll() -> None:
        began.set()
        assert stop.wait(PATIENCE)
        raise StoppedError("shutting down")

    with caplog.at_level(logging.WARNING):
        schedule = begin(poll=poll)
        assert began.wait(PATIENCE)
        assert schedule.shut_down(PATIENCE)
    assert caplog.text == ""


def test_nothing_runs_after_the_shutdown(begin: Begin) -> None:
    runs = Semaphore(0)
    schedule = begin(poll=runs.release, poll_interval=SECOND)
    assert runs.acquire(timeout=PATIENCE)
    assert schedule.shut_down(PATIENCE)
    while runs.acquire(blocking=False):
        pass
    assert not runs.acquire(timeout=1.5)


def test_shutting_down_waits_no_longer_than_its_patience_for_a_job_that_hangs(
    begin: Begin, stop: Event
) -> None:
    began, release = Event(), Event()

    def hang() -> None:
        began.set()
        assert release.wait(PATIENCE)

    schedule = begin(poll=hang)
    assert began.wait(PATIENCE)
    before = monotonic()
    assert not schedule.shut_down(0.2)
    assert monotonic() - before < PATIENCE / 4
    assert stop.is_set()
    release.set()


def test_a_poll_can_be_asked_for_at_once_or_later(begin: Begin) -> None:
    order: list[str] = []
    done = Event()

    def last() -> None:
        order.append("later")
        done.set()

    schedule = begin()
    schedule.poll_in(0.2, last)
    schedule.poll_in(0, lambda: order.append("at once"))
    assert done.wait(PATIENCE)
    assert order == ["at once", "later"]


def test_a_poll_that_is_asked_for_runs_beside_no_other(begin: Begin) -> None:
    """It waits for the usual one, and the usual one waits for it."""
    running, most = 0, 0
    counting, polls, asked_for = Lock(), Semaphore(0), Semaphore(0)

    def run(ended: Semaphore) -> None:
        nonlocal running, most
        with counting:
            running += 1
            most = max(most, running)
        Event().wait(0.1)
        with counting:
            running -= 1
        ended.release()

    schedule = begin(poll=lambda: run(polls), poll_interval=SECOND)
    for _ in range(3):
        schedule.poll_in(0, lambda: run(asked_for))
    assert all(one.acquire(timeout=PATIENCE) for one in (polls, *[asked_for] * 3, polls))
    assert most == 1


def test_a_poll_may_ask_for_the_next_one(begin: Begin) -> None:
    """Even at once, while it still runs: none is left out."""
    runs = Semaphore(0)
    left = 20

    def poll() -> None:
        nonlocal left
        left -= 1
        if left:
            schedule.poll_in(0, poll)
        runs.release()

    schedule = begin()
    schedule.poll_in(0, poll)
    assert all(runs.acquire(timeout=PATIENCE) for _ in range(20))


def test_a_poll_that_is_asked_for_may_fail(begin: Begin, caplog: pytest.LogCaptureFixture) -> None:
    done = Event()

    def fail() -> None:
        raise RuntimeError("made to fail")

    schedule = begin()
    with caplog.at_level(logging.ERROR):
        schedule.poll_in(0, fail)
        schedule.poll_in(0.05, done.set)
        assert done.wait(PATIENCE)
    assert "poll for events failed, it will be tried again" in caplog.text


def test_a_poll_that_waits_for_another_is_not_begun_after_the_shutdown(
    begin: Begin, stop: Event
) -> None:
    began, asked_for = Event(), Event()

    def poll() -> None:
        began.set()
        assert stop.wait(PATIENCE)

    schedule = begin(poll=poll)
    assert began.wait(PATIENCE)
    schedule.poll_in(0, asked_for.set)
    schedule.poll_in(0.01, asked_for.set)
    assert schedule.shut_down(PATIENCE)
    schedule.poll_in(0, asked_for.set)
    assert not asked_for.is_set()


def test_a_poll_that_asks_for_another_while_it_is_shut_down_holds_nothing_up(
    begin: Begin, stop: Event
) -> None:
    began = Event()

    def poll() -> None:
        began.set()
        assert stop.wait(PATIENCE)
        Event().wait(0.2)  # so that the shutdown waits for this one
        schedule.poll_in(0, nothing)

    schedule = begin()
    schedule.poll_in(0, poll)
    assert began.wait(PATIENCE)
    assert schedule.shut_down(PATIENCE)
