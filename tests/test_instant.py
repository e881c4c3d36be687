from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import instant

HOUR = 3600 * instant.MICROSECONDS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1970-01-01T01:00:00.000+01:00", 0),
        ("1970-01-01T05:30:00.5+05:30", instant.MICROSECONDS // 2),
        ("1970-01-01T01:00:00", HOUR),
        ("1970-01-02", 24 * HOUR),
    ],
)
def test_reads_times_as_gitlab_writes_them(text: str, expected: int) -> None:
    assert instant.parse(text) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2021-13-01T00:00:00Z", "2021-02-29"])
def test_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        instant.parse(text)


def test_a_naive_datetime_is_no_instant() -> None:
    with pytest.raises(ValueError, match="zone"):
        instant.from_datetime(datetime(2021, 3, 1))  # noqa: DTZ001


def test_the_same_moment_in_two_zones_is_the_same_instant() -> None:
    moment = datetime(2021, 3, 1, 12, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
    assert instant.from_datetime(moment) == instant.from_datetime(elsewhere)


@given(st.datetimes(timezones=st.timezones()))
def test_nothing_is_lost_on_the_way_there_and_back(moment: datetime) -> None:
    there = instant.from_datetime(moment)
    assert instant.from_datetime(instant.to_datetime(there)) == there
    assert instant.parse(instant.iso(there)) == there


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_differences_are_exact(one: datetime, other: datetime) -> None:
    difference = instant.from_datetime(one) - instant.from_datetime(other)
    assert difference == instant.microseconds(one - other)
    assert timedelta(microseconds=difference) == one - other


def test_writes_utc_with_microseconds_and_a_z() -> None:
    assert instant.iso(instant.parse("2021-03-01T01:02:03+01:00")) == "2021-03-01T00:02:03.000000Z"
