"""Instants: whole microseconds since 1970-01-01T00:00:00Z, exact to compare, subtract and store.

GitLab answers times with at most microseconds, so an instant loses nothing, and a lead time is a
difference of two integers instead of a floating-point guess.
"""

from datetime import UTC, datetime, timedelta

Instant = int

MICROSECONDS = 1_000_000
"""Microseconds in a second."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def from_datetime(moment: datetime) -> Instant:
    """Return the instant of an aware datetime.

    Raises:
        ValueError: if ``moment`` carries no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone is no instant")
    return (moment - _EPOCH) // _MICROSECOND


def to_datetime(instant: Instant) -> datetime:
    """Return the instant as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=instant)


def parse(text: str) -> Instant:
    """Read an ISO 8601 time as GitLab writes it; one without a zone is UTC.

    Raises:
        ValueError: if ``text`` is no such time.
    """
    moment = datetime.fromisoformat(text)
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def iso(instant: Instant) -> str:
    """Return the instant in ISO 8601 with a ``Z``, as GitLab's parameters take it."""
    return to_datetime(instant).isoformat(timespec="microseconds").replace("+00:00", "Z")


def microseconds(span: timedelta) -> int:
    """Return the length of a time span in microseconds."""
    return span // _MICROSECOND
