"""How often the exporters on one database look after each other, derived from the polls' interval.

All of it is a number of turns, at least twenty of which fit into an interval. So, counted from the
begin of a poll, its successor begins within one interval, though the one that was to begin it is
killed just before: it would have begun it :attr:`Rhythm.reserve` before that, another asks for the
lead within a turn, and lets :attr:`Rhythm.grace` pass.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

_LONGEST_TURN = 1.0
_TURNS = 20
_SHORTEST_INTERVAL = 1.0
"""Seconds; what :mod:`exporter.poller.schedule` makes of a shorter one."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Times in seconds; ``turn`` is from one look to the next."""

    turn: float = _LONGEST_TURN

    @classmethod
    def of(cls, interval: timedelta) -> Self:
        """Return the one for polls at this interval."""
        return cls(min(_LONGEST_TURN, max(interval.total_seconds(), _SHORTEST_INTERVAL) / _TURNS))

    @property
    def lease(self) -> float:
        """For how long who leads believes it without asking again."""
        return 1.5 * self.turn

    @property
    def grace(self) -> float:
        """How long a new leader lets the one before notice: its lease, and some."""
        return 2 * self.turn

    @property
    def silence(self) -> float:
        """After how long the database takes the lead from who says nothing any more."""
        return 10 * self.turn

    @property
    def reserve(self) -> float:
        """How long before its interval is over a poll begins.

        A turn, the grace, and as much again for a busy machine, which leaves three quarters of the
        shortest interval.
        """
        return 5 * self.turn
