"""A limit of requests, for all clients together."""

from collections.abc import Callable

from exporter.webconfig.models import RateLimit


class Bucket:
    """Holds ``burst`` requests when it is full, and gets one more in each ``interval``."""

    def __init__(self, limit: RateLimit, now: Callable[[], float]) -> None:
        self.limit = limit
        self._now = now
        self._left = float(limit.burst or 0)
        self._looked_at = now()

    def take(self) -> bool:
        """Take one request out; return whether there was one."""
        interval = self.limit.interval.seconds
        if not interval:
            return True
        now = self._now()
        filled = self._left + (now - self._looked_at) / interval
        self._left, self._looked_at = min(filled, float(self.limit.burst or 0)), now
        if self._left < 1:
            return False
        self._left -= 1
        return True
