"""A clock that stands still, for the exporter and for the simulated GitLab alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Lock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FixedClock:
    """Always the same instant; only waiting makes its monotonic seconds grow, at once."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment
        self._lock = Lock()
        self._waited = 0.0

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Stand at another instant for a while."""
        usual, self.moment = self.moment, moment
        try:
            yield
        finally:
            self.moment = usual

    def now(self) -> int:
        """Return the instant, in microseconds since 1970."""
        return (self.moment - _EPOCH) // timedelta(microseconds=1)

    def monotonic(self) -> float:
        """Return the seconds waited so far."""
        with self._lock:
            return self._waited

    def wait(self, stop: Event, seconds: float) -> bool:
        """Pass the time without taking any."""
        with self._lock:
            self._waited += seconds
        return stop.is_set()
