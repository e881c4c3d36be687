"""A clock that stands still until it is moved, or until somebody waits on it."""

from datetime import UTC, datetime, timedelta
from threading import Event, Lock, local

from exporter.instant import Instant, from_datetime

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""A Monday, in the middle of the day."""


class FakeClock:
    """An :class:`exporter.clock.Clock`; called, it gives a datetime, as the simulator wants.

    Waiting moves it to the end of the wait. The wait counts from when its thread last read the
    clock, so that threads that wait side by side share the time as they would in reality.
    """

    def __init__(self, start: datetime = NOON) -> None:
        self._start = start
        self._passed = timedelta()
        self._lock = Lock()
        self._reading = local()

    def __call__(self) -> datetime:
        return self._start + self._passed

    def now(self) -> Instant:
        return from_datetime(self())

    def monotonic(self) -> float:
        self._reading.passed = passed = self._passed
        return passed.total_seconds()

    def wait(self, stop: Event, seconds: float) -> bool:
        # A microsecond more, lest rounding ends the wait too early and it begins again for ever.
        begin: timedelta = getattr(self._reading, "passed", self._passed)
        end = begin + timedelta(seconds=max(seconds, 0), microseconds=1)
        with self._lock:
            self._passed = max(self._passed, end)
        return stop.is_set()

    def advance(self, **duration: float) -> None:
        """Let time pass; takes the arguments of ``timedelta``."""
        with self._lock:
            self._passed += timedelta(**duration)

    def ago(self, **duration: float) -> datetime:
        """Return an earlier moment; takes the arguments of ``timedelta``."""
        return self() - timedelta(**duration)
