"""A clock that moves only when everybody waits for it."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from math import ceil
from threading import Condition, Event

from exporter.instant import Instant, from_datetime

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class LockstepClock:
    """A clock for one thread, or for those that :meth:`together` runs.

    Attributes:
        during_wait: called at the beginning of each wait.
        waits: seconds of each wait so far.
    """

    def __init__(self, at: datetime = NOON) -> None:
        self._at = at
        self._passed = 0
        self._workers = 1
        self._deadlines: list[int] = []
        self._moved = Condition()
        self.during_wait: Callable[[], object] = lambda: None
        self.waits: list[float] = []

    def datetime(self) -> datetime:
        """The present moment, for the simulated GitLab."""
        return self._at + timedelta(microseconds=self._passed)

    def now(self) -> Instant:
        return from_datetime(self._at) + self._passed

    def monotonic(self) -> float:
        return self._passed / 1_000_000

    def advance(self, **duration: float) -> None:
        """Let time pass; takes the arguments of ``timedelta``."""
        self._passed += timedelta(**duration) // timedelta(microseconds=1)

    def wait(self, stop: Event, seconds: float) -> bool:
        with self._moved:
            self.waits.append(seconds)
            self.during_wait()
            deadline = self._passed + ceil(seconds * 1_000_000)
            self._deadlines.append(deadline)
            while self._passed < deadline and not stop.is_set():
                if len(self._deadlines) >= self._workers and min(self._deadlines) > self._passed:
                    self._passed = min(self._deadlines)
                    self._moved.notify_all()
                elif not self._moved.wait(timeout=10):
                    raise AssertionError("the threads wait for each other")
            self._deadlines.remove(deadline)
            return stop.is_set()

    def together(self, tasks: Iterable[Callable[[], None]]) -> None:
        """Run each task in a thread of its own; time passes while all of them wait."""
        tasks = list(tasks)
        self._workers = len(tasks)

        def run(task: Callable[[], None]) -> None:
            try:
                task()
            finally:
                with self._moved:
                    self._workers -= 1
                    self._moved.notify_all()

        with ThreadPoolExecutor(len(tasks)) as pool:
            for future in [pool.submit(run, task) for task in tasks]:
                future.result()
        self._workers = 1
