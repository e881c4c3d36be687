"""Something that happens at the n-th request to a simulated GitLab."""

from collections.abc import Callable
from threading import Event, Timer

from exporter.simulator.front import RequestRecord


class Tripwire(list[RequestRecord]):
    """A request log for :class:`exporter.simulator.SimulatedGitLab`; set it before the start."""

    def __init__(self) -> None:
        super().__init__()
        self._number: int | None = None
        self._delay = 0.0
        self._act: Callable[[], object] = self.clear
        self.sprung = Event()

    def arm(self, number: int, act: Callable[[], object], *, delay: float = 0) -> None:
        """Forget the requests so far; act ``delay`` seconds after the n-th, before its answer."""
        self.clear()
        self.sprung.clear()
        self._act, self._delay, self._number = act, delay, number

    def append(self, record: RequestRecord) -> None:
        """Note a request."""
        super().append(record)
        if len(self) == self._number:
            self._number = None
            if self._delay:
                timer = Timer(self._delay, self._spring)
                timer.daemon = True
                timer.start()
            else:
                self._spring()

    def _spring(self) -> None:
        self._act()
        self.sprung.set()
