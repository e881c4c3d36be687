"""One request budget over all threads: the configured rate, and what GitLab says of its own.

GitLab tells in the headers of an answer how much of its rate limit is left, and with a 429 how
long to wait: https://docs.gitlab.com/ee/administration/settings/user_and_ip_rate_limits.html
With a 503 it does where it is overloaded or in maintenance, as RFC 9110 (10.2.3) has it.
"""

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from math import isfinite
from threading import Event, Lock

from exporter.clock import Clock
from exporter.gitlab.errors import StoppedError
from exporter.instant import MICROSECONDS, from_datetime

_LONGEST_PAUSE = 3600.0
"""Seconds; whatever a header says, no pause is longer."""

_ALIKE = 2 * MICROSECONDS
"""The header has whole seconds and took its way: so small a difference of clocks says nothing."""

_REMEMBERED = 9
"""Answers whose times are compared."""

_TOO_EARLY = 4
"""The earliest quarter of them is not believed, nor what tells a later time than the rest."""

_PAUSE_UNTOLD = 10.0
"""Seconds to wait after a 429 that does not say how long."""


class Budget:
    """Gives out the moments at which requests may start."""

    def __init__(
        self,
        clock: Clock,
        stop: Event,
        *,
        requests_per_second: float,
        reserve: float = 0.0,
        may_ask: Callable[[], bool] = lambda: True,
    ) -> None:
        """Begin with nothing spent.

        Args:
            clock: tells when requests may start.
            stop: set when the exporter is shutting down.
            requests_per_second: the most that are started, whatever GitLab allows.
            reserve: the share of GitLab's own limit, 0 to 1, that is left for others.
            may_ask: says just before each request whether it may still be made.
        """
        self._reserve = reserve
        self._may_ask = may_ask
        self._clock = clock
        self._stop = stop
        self._spacing = 1 / requests_per_second
        self._lock = Lock()
        self._next = 0.0
        self._told: deque[int] = deque(maxlen=_REMEMBERED)
        self._open = 0
        self.remaining: int | None = None
        """What GitLab last said is left of its limit, None while it said nothing."""
        self.limit: float | None = None
        """Requests a minute that GitLab last said to allow, None while it said nothing."""

    def spend(self) -> None:
        """Wait until one more request may start; tell its end to :meth:`ended`.

        Raises:
            StoppedError: if the exporter is shutting down, or may ask no more.
        """
        while True:
            with self._lock:
                now = self._clock.monotonic()
                if self._next <= now:
                    self._next = max(self._next, now - self._spacing) + self._spacing
                    break
                wait = self._next - now
            if self._clock.wait(self._stop, wait):
                raise StoppedError("shutting down")
        if self._stop.is_set() or not self._may_ask():
            raise StoppedError("shutting down")
        with self._lock:
            self._open += 1

    def ended(self) -> None:
        """Note that a request is over, whatever came of it."""
        with self._lock:
            self._open -= 1

    def observe(self, status: int, headers: Mapping[str, str]) -> None:
        """Learn from the headers of an answer."""
        remaining = _number(headers.get("RateLimit-Remaining"))
        limit = _number(headers.get("RateLimit-Limit"))
        kept = self._reserve * max(limit or 0, 0)
        with self._lock:
            self.limit = self.limit if limit is None else limit
            self._learn_time(headers.get("Date"))
            if remaining is not None:
                self.remaining = int(remaining)
            if status == 503:
                self._pause(self._retry_after(headers) or 0)
            if status == 429:
                told = self._told_pause(headers) or 0
                self._pause(told if told > 0 else _PAUSE_UNTOLD)
            elif remaining is not None and remaining - kept <= max(self._open - 1, 0):
                # What is left but for the reserve goes to the other threads' requests under way.
                self._pause(self._until_reset(headers) or 0)

    def server_time(self) -> int:
        """Return the present instant by GitLab's clock, as far as its answers told it.

        Some of a fleet of servers may have wrong clocks, so no single answer counts. What takes
        time to become true must not be held to be true too early, so of the last few answers one
        of the earlier counts, and the very last where it tells a still earlier time. Our own clock
        may be set meanwhile: it is only taken where it agrees.
        """
        with self._lock:
            return self._server_time()

    def _server_time(self) -> int:
        now = self._clock.now()
        if not self._told:
            return now
        early = sorted(self._told)[len(self._told) // _TOO_EARLY]
        told = min(early, self._told[-1]) + self._passed()
        return told if abs(told - now) > _ALIKE else now

    def _passed(self) -> int:
        return round(self._clock.monotonic() * MICROSECONDS)

    def _learn_time(self, date: str | None) -> None:
        with suppress(TypeError, ValueError, OverflowError):
            told = from_datetime(parsedate_to_datetime(date or ""))
            self._told.append(told - self._passed())

    def _told_pause(self, headers: Mapping[str, str]) -> float | None:
        seconds = self._retry_after(headers)
        return seconds if seconds is not None else self._until_reset(headers)

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        told = headers.get("Retry-After")
        seconds = _number(told)
        if seconds is None and told:
            with suppress(TypeError, ValueError, OverflowError):
                until = from_datetime(parsedate_to_datetime(told))
                seconds = (until - self._server_time()) / MICROSECONDS
        return seconds

    def _until_reset(self, headers: Mapping[str, str]) -> float | None:
        reset = _number(headers.get("RateLimit-Reset"))
        if reset is None:
            return None
        return reset - self._server_time() / MICROSECONDS

    def _pause(self, seconds: float) -> None:
        pause = min(max(seconds, 0), _LONGEST_PAUSE)
        self._next = max(self._next, self._clock.monotonic() + pause)


def _number(text: str | None) -> float | None:
    with suppress(ValueError):
        number = float(text or "")
        return number if isfinite(number) else None
    return None
