"""What happens when, on a clock that jumps from one to the next: hours pass in seconds."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from tests.clock import FakeClock

Action = Callable[[], object]


class Timetable:
    """Things to happen, each at its time, one after the other."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._planned: list[tuple[float, int, Action]] = []
        self._numbers = count()

    def after(self, seconds: float, action: Action) -> None:
        """Have something happen after some seconds."""
        due = self._clock.monotonic() + seconds
        heappush(self._planned, (due, next(self._numbers), action))

    def every(self, seconds: float, action: Action) -> None:
        """Have something happen again and again."""

        def happen() -> None:
            self.after(seconds, happen)
            action()

        self.after(seconds, happen)

    def run(self, seconds: float, *, before: Action) -> None:
        """Let so much time pass; ``before`` is called before each thing that happens."""
        end = self._clock.monotonic() + seconds
        while self._planned and self._planned[0][0] <= end:
            due, _, action = heappop(self._planned)
            self._clock.advance(seconds=max(0.0, due - self._clock.monotonic()))
            before()
            action()
        self._clock.advance(seconds=max(0.0, end - self._clock.monotonic()))
