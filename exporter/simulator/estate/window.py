"""The stretch of time a made-up estate is about."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """The time from `start` to `end`, both aware UTC and both included."""

    start: datetime
    end: datetime

    def at(self, share: float) -> datetime:
        """Give the moment at a share of the window: 0 its start, 1 its end, -1 as long before."""
        return self.start + (self.end - self.start) * share

    @property
    def last_weeks(self) -> datetime:
        """When the last four weeks begin; the last third of a window shorter than twelve."""
        return max(self.end - timedelta(days=28), self.at(2 / 3))


def days_between(start: datetime, end: datetime) -> Iterator[date]:
    """Give every UTC day from that of `start` to that of `end`."""
    day = start.date()
    while day <= end.date():
        yield day
        day += timedelta(days=1)


def week_of(day: date) -> int:
    """Number the weeks, Monday to Sunday, without a break."""
    return (day.toordinal() - 1) // 7
