"""When people work: moments inside working hours, and durations as skewed as real ones."""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

_WEEKEND: Final = (5, 6)
_EARLIEST_HOUR: Final = 7.0
_LATEST_HOUR: Final = 20.0


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """The working day of a team.

    Args:
        zone: Where the team lives; its hours are local.
    """

    zone: ZoneInfo

    def moment(self, rng: Random, day: date, *, around: float = 13.5) -> datetime:
        """Pick a moment of a day, in UTC, most likely near the local hour `around`."""
        hour = min(max(rng.gauss(around, 2.4), _EARLIEST_HOUR), _LATEST_HOUR - 1)
        return self._at(day, hour + rng.random() * 0.99)

    def pulled_in(self, rng: Random, moment: datetime) -> datetime:
        """Move a moment outside working hours back to the working day before it."""
        local = moment.astimezone(self.zone)
        day = local.date()
        if local.hour < _EARLIEST_HOUR:
            day -= timedelta(days=1)
        elif local.hour < _LATEST_HOUR and day.weekday() not in _WEEKEND:
            return moment
        while day.weekday() in _WEEKEND:
            day -= timedelta(days=1)
        return min(moment, self.moment(rng, day, around=15.0))

    def _at(self, day: date, hour: float) -> datetime:
        midnight = datetime.combine(day, time(), self.zone)
        # Wall time plus a duration stays wall time, so 9:00 is 9:00 on both sides of a DST change.
        return (midnight + timedelta(hours=hour)).astimezone(UTC)


def log_normal(rng: Random, median: timedelta, *, sigma: float = 0.9) -> timedelta:
    """Draw a positive duration: half of them below `median`, a few many times as long."""
    return max(median * math.exp(rng.gauss(0.0, sigma)), timedelta(microseconds=1))


def poisson(rng: Random, mean: float) -> int:
    """Draw how often something happens that happens `mean` times on average."""
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
