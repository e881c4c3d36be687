from collections.abc import Mapping
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise
from threading import Event

import pytest
from requests.structures import CaseInsensitiveDict

from exporter.gitlab import Budget, StoppedError
from exporter.instant import MICROSECONDS
from tests.gitlab.clock import NOON, LockstepClock


@pytest.fixture
def budget(clock: LockstepClock, stop: Event) -> Budget:
    return Budget(clock, stop, requests_per_second=10)


def http_date(seconds: float) -> str:
    """The time of noon and some seconds, as HTTP headers write it."""
    return format_datetime(NOON + timedelta(seconds=seconds), usegmt=True)


def epoch(seconds: float) -> str:
    return str(int(NOON.timestamp() + seconds))


def observe(budget: Budget, status: int, headers: Mapping[str, str]) -> None:
    budget.observe(status, CaseInsensitiveDict(headers))


def pause(budget: Budget, clock: LockstepClock) -> float:
    """Spend once and return how long that took."""
    began = clock.monotonic()
    budget.spend()
    return clock.monotonic() - began


def test_threads_share_one_even_pace(budget: Budget, clock: LockstepClock) -> None:
    starts: list[float] = []

    def work() -> None:
        for _ in range(10):
            budget.spend()
            starts.append(clock.monotonic())

    clock.together([work] * 4)
    assert sorted(starts) == pytest.approx([number / 10 for number in range(40)], abs=1e-4)


def test_idle_time_saves_up_for_no_more_than_one_request(
    budget: Budget, clock: LockstepClock
) -> None:
    budget.spend()
    clock.advance(minutes=10)
    starts = []
    for _ in range(12):
        budget.spend()
        starts.append(clock.monotonic())
    assert [later - earlier for earlier, later in pairwise(starts)][1:] == pytest.approx(
        [0.1] * 10, abs=1e-4
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"Retry-After": "30"}, 30, id="seconds"),
        pytest.param({"retry-after": "30"}, 30, id="lower case"),
        pytest.param({"Retry-After": "1.5"}, 1.5, id="fraction"),
        pytest.param({"Retry-After": http_date(45)}, 45, id="date"),
        pytest.param(
            {"Retry-After": http_date(3620), "Date": http_date(3600)}, 20, id="date by its clock"
        ),
        pytest.param({"RateLimit-Reset": epoch(25)}, 25, id="reset"),
        pytest.param({"Retry-After": "soon", "RateLimit-Reset": epoch(25)}, 25, id="words, reset"),
        pytest.param({}, 10, id="untold"),
        pytest.param({"Retry-After": "soon"}, 10, id="words"),
        pytest.param({"Retry-After": ""}, 10, id="empty"),
        pytest.param({"Retry-After": "0"}, 10, id="none at all"),
        pytest.param({"Retry-After": "-5"}, 10, id="negative"),
        pytest.param({"Retry-After": "nan"}, 10, id="not a number"),
        pytest.param({"Retry-After": "1e999"}, 10, id="infinite"),
        pytest.param({"Retry-After": http_date(-60)}, 10, id="past"),
        pytest.param({"Retry-After": f"Mon, 02 Mar {9**30} 12:00:00 GMT"}, 10, id="no such year"),
        pytest.param({"Retry-After": "86400"}, 3600, id="a day"),
        pytest.param({"RateLimit-Reset": epoch(10**9)}, 3600, id="decades"),
    ],
)
def test_too_many_requests_pause(
    budget: Budget, clock: LockstepClock, headers: dict[str, str], seconds: float
) -> None:
    observe(budget, 429, headers)
    assert pause(budget, clock) == pytest.approx(seconds, abs=1e-4)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        pytest.param(503, {"Retry-After": "30"}, 30, id="seconds"),
        pytest.param(503, {"Retry-After": http_date(45)}, 45, id="date"),
        pytest.param(503, {"Retry-After": "86400"}, 3600, id="a day"),
        pytest.param(503, {"Retry-After": "0"}, 0, id="none at all"),
        pytest.param(503, {"Retry-After": "soon"}, 0, id="words"),
        pytest.param(503, {}, 0, id="untold"),
        pytest.param(503, {"RateLimit-Reset": epoch(25)}, 0, id="reset"),
        pytest.param(500, {"Retry-After": "30"}, 0, id="another error"),
    ],
)
def test_an_overloaded_gitlab_is_left_alone_for_as_long_as_it_says(
    budget: Budget, clock: LockstepClock, status: int, headers: dict[str, str], seconds: float
) -> None:
    observe(budget, status, headers)
    assert pause(budget, clock) == pytest.approx(seconds, abs=1e-4)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": epoch(12)}, 12),
        ({"RateLimit-Remaining": "-1", "RateLimit-Reset": epoch(12)}, 12),
        ({"RateLimit-Remaining": "1", "RateLimit-Reset": epoch(12)}, 0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": epoch(-12)}, 0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "tomorrow"}, 0),
        ({"RateLimit-Remaining": "0"}, 0),
        ({"RateLimit-Reset": epoch(12)}, 0),
        ({"Retry-After": "30"}, 0),
    ],
)
def test_used_up_limit_pauses_until_it_is_reset(
    budget: Budget, clock: LockstepClock, headers: dict[str, str], seconds: float
) -> None:
    observe(budget, 200, headers)
    assert pause(budget, clock) == pytest.approx(seconds, abs=1e-4)


def test_all_threads_keep_a_pause(budget: Budget, clock: LockstepClock) -> None:
    observe(budget, 429, {"Retry-After": "30"})
    starts: list[float] = []

    def work() -> None:
        budget.spend()
        starts.append(clock.monotonic())

    clock.together([work] * 3)
    assert sorted(starts) == pytest.approx([30, 30.1, 30.2], abs=1e-4)


@pytest.mark.parametrize(("status", "headers"), [(429, {"Retry-After": "5"}), (200, {})])
def test_nothing_shortens_a_pause(
    budget: Budget, clock: LockstepClock, status: int, headers: dict[str, str]
) -> None:
    observe(budget, 429, {"Retry-After": "30"})
    observe(budget, status, headers)
    assert pause(budget, clock) == pytest.approx(30)


def test_what_remains_is_remembered_while_it_is_told(budget: Budget) -> None:
    told = []
    for text in ("many", "17", "inf", "nan", ""):
        observe(budget, 200, {"RateLimit-Remaining": text})
        told.append(budget.remaining)
    observe(budget, 200, {})
    assert [*told, budget.remaining] == [None, 17, 17, 17, 17, 17]


@pytest.mark.parametrize(
    ("date", "offset"),
    [
        (http_date(3600), 3600),
        (http_date(-3600), -3600),
        (http_date(2), 0),
        (http_date(-2), 0),
        (http_date(3), 3),
        ("", 0),
        ("noon", 0),
        ("Mon, 02 Mar 2026 13:00:00 -0000", 0),
        (f"Mon, 02 Mar {9**30} 12:00:00 GMT", 0),
    ],
)
def test_time_is_the_servers(
    budget: Budget, clock: LockstepClock, date: str, offset: float
) -> None:
    observe(budget, 200, {"Date": date})
    clock.advance(seconds=7)
    assert budget.server_time() - clock.now() == offset * MICROSECONDS


def test_time_is_learned_anew_with_each_answer_that_tells_it(
    budget: Budget, clock: LockstepClock
) -> None:
    observe(budget, 200, {"Date": http_date(3600)})
    observe(budget, 200, {})
    assert budget.server_time() == clock.now() + 3600 * MICROSECONDS
    observe(budget, 200, {"Date": http_date(0)})
    assert budget.server_time() == clock.now()


def test_servers_with_a_wrong_clock_do_not_make_it_later(
    budget: Budget, clock: LockstepClock
) -> None:
    for wrong in (0, 4000, 0, 4000, 0, 4000, 4000, 4000, 4000):
        observe(budget, 200, {"Date": http_date(wrong)})
        assert budget.server_time() == clock.now()


def test_a_clock_that_was_set_back_is_believed_at_once(
    budget: Budget, clock: LockstepClock
) -> None:
    for _ in range(5):
        observe(budget, 200, {"Date": http_date(0)})
    observe(budget, 200, {"Date": http_date(-600)})
    assert budget.server_time() == clock.now() - 600 * MICROSECONDS


def test_a_clock_that_was_set_ahead_is_believed_after_some_answers(
    budget: Budget, clock: LockstepClock
) -> None:
    for _ in range(9):
        observe(budget, 200, {"Date": http_date(0)})
    for _ in range(7):
        observe(budget, 200, {"Date": http_date(600)})
    assert budget.server_time() == clock.now() + 600 * MICROSECONDS


def test_stop_ends_a_wait(budget: Budget, clock: LockstepClock, stop: Event) -> None:
    observe(budget, 429, {"Retry-After": "30"})
    clock.during_wait = stop.set
    with pytest.raises(StoppedError):
        budget.spend()
    assert clock.monotonic() == 0


def test_nothing_starts_after_the_stop(budget: Budget, stop: Event) -> None:
    stop.set()
    with pytest.raises(StoppedError):
        budget.spend()


@pytest.mark.parametrize(
    ("limit", "remaining", "seconds"),
    [("600", "61", 0), ("600", "60", 12), ("600", "0", 12), ("5", "1", 0), ("none", "1", 0)],
)
def test_a_share_of_the_limit_is_left_for_others(
    clock: LockstepClock, stop: Event, limit: str, remaining: str, seconds: float
) -> None:
    budget = Budget(clock, stop, requests_per_second=10, reserve=0.1)
    told = {"RateLimit-Remaining": remaining, "RateLimit-Reset": epoch(12)}
    observe(budget, 200, {**told, "RateLimit-Limit": limit})
    assert pause(budget, clock) == pytest.approx(seconds, abs=1e-4)


def test_who_may_ask_no_more_is_stopped_after_the_wait_for_its_turn(clock: LockstepClock) -> None:
    may = [True]
    budget = Budget(clock, Event(), requests_per_second=1, may_ask=lambda: may[0])
    budget.spend()
    asked_at = clock.monotonic()
    may[0] = False
    with pytest.raises(StoppedError):
        budget.spend()
    assert clock.monotonic() >= asked_at + 1
