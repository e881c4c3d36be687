"""Progress of long work: one moving line on a terminal, a log line now and then elsewhere."""

import logging
import sys
from threading import Lock
from typing import TextIO

from exporter.clock import Clock

log = logging.getLogger(__name__)

_EVERY = 10.0
"""Seconds between two log lines."""


class Progress:
    """Counts steps of work whose whole size becomes known bit by bit."""

    def __init__(self, what: str, clock: Clock, stream: TextIO | None = None) -> None:
        self._what = what
        self._clock = clock
        self._stream = stream or sys.stderr
        self._lock = Lock()
        self._done = 0
        self._known = 0
        self._told = clock.monotonic()
        self._shown = False

    def expect(self, steps: int) -> None:
        """Learn of more steps."""
        with self._lock:
            self._known += steps

    def advance(self) -> None:
        """Count a step as done, and tell it now and then."""
        with self._lock:
            self._done += 1
            now = self._clock.monotonic()
            terminal = self._stream.isatty()
            if now - self._told < (0.2 if terminal else _EVERY):
                return
            self._told = now
            if terminal:
                self._shown = True
                self._stream.write(f"\r{self._what}: {self._done} of {self._known}\x1b[K")
                self._stream.flush()
            else:
                log.info("%s: %d of %d", self._what, self._done, self._known)

    def finish(self) -> None:
        """Take the moving line away."""
        with self._lock:
            if self._shown:
                self._stream.write("\r\x1b[K")
                self._stream.flush()
