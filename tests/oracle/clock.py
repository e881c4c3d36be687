"""A clock that stands still, for the exporter and for the simulated GitLab alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Lock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FixedClock:
    """Always the same instant; its monotonic seconds grow by waiting and where it is moved."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment
        self._lock = Lock()
        self._waited = 0.0

    @contextmanager
    def at(self, moment: datetime) -> Iterator[None]:
        """Stand at another instant for a while."""
        usual, self.moment = self.moment, moment
        with self._lock:
            self._waited += max((moment - usual).total_seconds(), 0)
        try:
            yield
        finally:
            self.moment = usual

    def now(self) -> int:
        """Return the instant, in microseconds since 1970."""
        return (self.moment - _EPOCH) // timedelta(microseconds=1)

    def monotonic(self) -> float:
        """Return the seconds that passed so far."""
        with self._lock:
            return self._waited

    def wait(self, stop: Event, seconds: float) -> bool:
        """Pass the time without taking any."""
        with self._lock:
            self._waited += seconds
        return stop.is_set()
