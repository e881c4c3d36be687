"""Time, passed in wherever it matters, so that tests can hold it in their hands."""

import time
from datetime import UTC, datetime
from threading import Event
from typing import Protocol

from exporter.instant import Instant, from_datetime


class Clock(Protocol):
    """What the exporter knows of time."""

    def now(self) -> Instant:
        """Return the present instant on the wall clock."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some moment; they never go back."""
        ...

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait until the time is over (then False) or ``stop`` is set (then True)."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> Instant:
        """Return the present instant on the wall clock."""
        return from_datetime(datetime.now(UTC))

    def monotonic(self) -> float:
        """Return seconds since some moment; they never go back."""
        return time.monotonic()

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait until the time is over (then False) or ``stop`` is set (then True)."""
        return stop.wait(max(seconds, 0))
