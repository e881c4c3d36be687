"""How soon a lost leader is replaced, whatever the interval of the polls."""

from datetime import timedelta

import pytest

from exporter.store.rhythm import Rhythm


@pytest.mark.parametrize("seconds", [0.1, 1, 2, 8, 19.9, 20, 60, 300, 86400])
def test_what_a_take_over_needs_fits_into_an_interval(seconds: float) -> None:
    rhythm = Rhythm.of(timedelta(seconds=seconds))
    interval = max(seconds, 1)  # the schedule knows no shorter one
    # Killed just before a poll, which then begins late, and on a busy machine.
    assert rhythm.turn + rhythm.grace < rhythm.reserve <= interval / 4
    # Frozen or cut off, as the database finds out.
    assert rhythm.silence + rhythm.turn + rhythm.grace <= interval
    # Who leads believes it no longer than the next one waits, and says it lives well in time.
    assert rhythm.turn < rhythm.lease < rhythm.grace
    assert rhythm.lease < rhythm.silence / 2


def test_followers_of_a_long_interval_ask_each_second() -> None:
    assert Rhythm.of(timedelta(minutes=5)).turn == 1
