"""A clock for one who does not wait long: a spent rate limit is told, not sat out."""

from threading import Event

from exporter.clock import Clock
from exporter.instant import Instant

LONGEST_WAIT = 10.0
"""Seconds."""

LONGEST_TOGETHER = 60.0
"""Seconds of all waits that are longer than the usual space between requests."""

_USUAL = 1.0


class ImpatientClock:
    """A clock that ends the work instead of a long wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waited = 0.0
        self.gave_up: float | None = None
        """The seconds that were not waited for."""

    def now(self) -> Instant:
        """Return the present instant on the wall clock."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Return seconds since some moment; they never go back."""
        return self._clock.monotonic()

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait until the time is over (then False); end at once (True) where it is long."""
        if seconds > _USUAL:
            self._waited += seconds
        if seconds > LONGEST_WAIT or self._waited > LONGEST_TOGETHER:
            self.gave_up = seconds
            return True
        return self._clock.wait(stop, seconds)
