"""Days and months in a time zone, as half-open spans of instants.

A day begins at its first instant on the wall clock: where daylight saving skips midnight this is
the moment of the change, and where midnight comes twice it is the earlier one. So every instant
lies in exactly one day, and days of 23 or 25 hours need no special care elsewhere.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from exporter.instant import Instant, from_datetime, to_datetime


class Interval(StrEnum):
    """The bucketing intervals of GitLab's DORA API, in the order of its error message."""

    ALL = "all"
    MONTHLY = "monthly"
    DAILY = "daily"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Instants with ``begins <= instant < ends``; ``day`` names it in the answer."""

    day: date
    begins: Instant
    ends: Instant


def day_begins(day: date, zone: tzinfo) -> Instant:
    """Return the first instant of a day."""
    return from_datetime(datetime.combine(day, time.min, tzinfo=zone))


def day_of(instant: Instant, zone: tzinfo) -> date:
    """Return the day on which an instant lies."""
    return to_datetime(instant).astimezone(zone).date()


def buckets(start: date, end: date, interval: Interval, zone: tzinfo) -> tuple[Bucket, ...]:
    """Cut the days from ``start`` to ``end``, both included, into buckets, oldest first.

    A monthly bucket is named after the month's first day and holds only those of its days that
    lie in the range; ``all`` is one bucket named after ``start``.
    https://docs.gitlab.com/ee/api/dora/metrics.html
    """
    if interval is Interval.ALL:
        cuts = [start]
    elif interval is Interval.MONTHLY:
        cuts = [start]
        while (following := _next_month(cuts[-1])) <= end:
            cuts.append(following)
    else:
        cuts = [start + timedelta(days=n) for n in range((end - start).days + 1)]
    edges = [day_begins(day, zone) for day in cuts]
    edges.append(day_begins(end + timedelta(days=1), zone))
    monthly = interval is Interval.MONTHLY
    return tuple(
        Bucket(day.replace(day=1) if monthly else day, begins, ends)
        for day, begins, ends in zip(cuts, edges, edges[1:], strict=False)
    )


def months_before(day: date, months: int) -> date:
    """Return the same day ``months`` earlier, or that month's last day if it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    first = date(year, month + 1, 1)
    return first.replace(day=min(day.day, (_next_month(first) - timedelta(days=1)).day))


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
