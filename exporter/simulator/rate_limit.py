"""Counting requests per token and minute, by the instance's clock."""

import threading
from typing import Final

from exporter.simulator.delivery import Reply
from exporter.simulator.world import World

_PERIOD: Final = 60


class RateLimiter:
    """Fixed windows of a minute each; off while `features.rate_limit_per_minute` is None."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._window = 0
        self._observed: dict[str, int] = {}

    def take(self, token: str) -> tuple[dict[str, str], Reply | None]:
        """Count one request.

        Args:
            token: Whose; empty for anonymous callers, who share one count.

        Returns:
            The headers every answer carries, and the refusal when the limit is passed.
        """
        limit = self._world.features.rate_limit_per_minute
        if limit is None:
            return {}, None
        now = self._world.clock().timestamp()
        with self._lock:
            window = int(now // _PERIOD)
            if window != self._window:
                self._window, self._observed = window, {}
            observed = self._observed[token] = self._observed.get(token, 0) + 1
        reset = (window + 1) * _PERIOD
        headers = {
            "ratelimit-limit": str(limit),
            "ratelimit-name": f"throttle_{'authenticated' if token else 'unauthenticated'}_api",
            "ratelimit-observed": str(observed),
            "ratelimit-remaining": str(max(0, limit - observed)),
            "ratelimit-reset": str(reset),
        }
        if observed <= limit:
            return headers, None
        refusal = {"content-type": "text/plain", "retry-after": str(max(1, int(reset - now)))}
        return headers, Reply(429, refusal, b"Retry later\n")
