from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.dora.calendar import (
    Bucket,
    Interval,
    buckets,
    day_begins,
    day_of,
    months_before,
)
from exporter.instant import from_datetime, iso, microseconds

HOUR = microseconds(timedelta(hours=1))
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # midnight is skipped in spring
    "Asia/Beirut",  # likewise
    "America/Havana",  # midnight comes twice in autumn
    "Atlantic/Azores",  # likewise
    "Pacific/Apia",  # has no 2011-12-30
    "Australia/Lord_Howe",  # half an hour of daylight saving
    "Asia/Kathmandu",
]


def shown(found: tuple[Bucket, ...]) -> list[tuple[str, str, str]]:
    return [(str(one.day), iso(one.begins)[:16], iso(one.ends)[:16]) for one in found]


def hours(day: date, zone: str) -> float:
    (bucket,) = buckets(day, day, Interval.DAILY, ZoneInfo(zone))
    return (bucket.ends - bucket.begins) / HOUR


def test_daily_gives_every_day_both_ends_included() -> None:
    assert shown(buckets(date(2021, 2, 27), date(2021, 3, 1), Interval.DAILY, UTC)) == [
        ("2021-02-27", "2021-02-27T00:00", "2021-02-28T00:00"),
        ("2021-02-28", "2021-02-28T00:00", "2021-03-01T00:00"),
        ("2021-03-01", "2021-03-01T00:00", "2021-03-02T00:00"),
    ]


def test_monthly_names_the_months_first_day_and_cuts_partial_months() -> None:
    assert shown(buckets(date(2021, 11, 15), date(2022, 1, 10), Interval.MONTHLY, UTC)) == [
        ("2021-11-01", "2021-11-15T00:00", "2021-12-01T00:00"),
        ("2021-12-01", "2021-12-01T00:00", "2022-01-01T00:00"),
        ("2022-01-01", "2022-01-01T00:00", "2022-01-11T00:00"),
    ]


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        (date(2021, 1, 31), date(2021, 3, 1), ["2021-01-01", "2021-02-01", "2021-03-01"]),
        (date(2021, 1, 31), date(2021, 1, 31), ["2021-01-01"]),
        (date(2021, 1, 1), date(2021, 1, 31), ["2021-01-01"]),
        (date(2021, 1, 31), date(2021, 2, 1), ["2021-01-01", "2021-02-01"]),
        (date(2021, 12, 31), date(2022, 1, 1), ["2021-12-01", "2022-01-01"]),
    ],
)
def test_months_meet_at_their_ends(start: date, end: date, months: list[str]) -> None:
    assert [str(one.day) for one in buckets(start, end, Interval.MONTHLY, UTC)] == months


def test_all_is_one_bucket_over_the_whole_range() -> None:
    assert shown(buckets(date(2021, 3, 5), date(2021, 6, 7), Interval.ALL, UTC)) == [
        ("2021-03-05", "2021-03-05T00:00", "2021-06-08T00:00")
    ]


@pytest.mark.parametrize("interval", list(Interval))
def test_a_range_of_one_day_is_one_bucket(interval: Interval) -> None:
    (bucket,) = buckets(date(2024, 2, 29), date(2024, 2, 29), interval, UTC)
    assert bucket.ends - bucket.begins == 24 * HOUR


@pytest.mark.parametrize(
    ("year", "days"), [(2023, 28), (2024, 29), (2000, 29), (2100, 28), (2400, 29)]
)
def test_february_has_the_days_of_its_year(year: int, days: int) -> None:
    found = buckets(date(year, 2, 1), date(year, 3, 1), Interval.DAILY, UTC)
    assert [one.day.day for one in found] == [*range(1, days + 1), 1]
    february, _ = buckets(date(year, 2, 1), date(year, 3, 1), Interval.MONTHLY, UTC)
    assert february.ends - february.begins == days * 24 * HOUR


@pytest.mark.parametrize(
    ("day", "zone", "length"),
    [
        (date(2021, 3, 28), "Europe/Berlin", 23),
        (date(2021, 10, 31), "Europe/Berlin", 25),
        (date(2021, 3, 14), "America/New_York", 23),
        (date(2021, 11, 7), "America/New_York", 25),
        (date(2021, 6, 1), "Europe/Berlin", 24),
        (date(2018, 11, 4), "America/Sao_Paulo", 23),
        (date(2018, 2, 17), "America/Sao_Paulo", 25),
        (date(2022, 3, 27), "Asia/Beirut", 23),
        (date(2021, 11, 7), "America/Havana", 25),
        (date(2021, 4, 4), "Australia/Lord_Howe", 24.5),
        (date(2011, 12, 30), "Pacific/Apia", 0),
        (date(2011, 12, 29), "Pacific/Apia", 24),
        (date(2011, 12, 31), "Pacific/Apia", 24),
    ],
)
def test_a_day_is_as_long_as_on_the_wall_clock(day: date, zone: str, length: float) -> None:
    assert hours(day, zone) == length


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        (date(2018, 11, 4), "America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
        (date(2022, 3, 27), "Asia/Beirut", datetime(2022, 3, 26, 22, tzinfo=UTC)),
        (date(2021, 11, 7), "America/Havana", datetime(2021, 11, 7, 4, tzinfo=UTC)),
        (date(2011, 12, 31), "Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ],
)
def test_a_day_begins_with_its_first_instant(day: date, zone: str, begins: datetime) -> None:
    assert day_begins(day, ZoneInfo(zone)) == from_datetime(begins)
    assert day_of(from_datetime(begins), ZoneInfo(zone)) == day
    assert day_of(from_datetime(begins) - 1, ZoneInfo(zone)) < day


def test_both_midnights_of_a_repeated_hour_lie_in_the_same_day() -> None:
    zone = ZoneInfo("America/Havana")
    for utc_hour in (4, 5):
        moment = from_datetime(datetime(2021, 11, 7, utc_hour, tzinfo=UTC))
        assert day_of(moment, zone) == date(2021, 11, 7)


ranges = st.tuples(
    st.dates(date(2011, 6, 1), date(2036, 1, 1)), st.integers(min_value=0, max_value=400)
).map(lambda pair: (pair[0], pair[0] + timedelta(days=pair[1])))


@given(ranges, st.sampled_from(ZONES), st.sampled_from(list(Interval)))
@example((date(2011, 12, 1), date(2012, 1, 31)), "Pacific/Apia", Interval.DAILY)
@example((date(2018, 11, 1), date(2018, 11, 30)), "America/Sao_Paulo", Interval.MONTHLY)
def test_buckets_tile_the_range(
    span: tuple[date, date], zone_name: str, interval: Interval
) -> None:
    start, end = span
    zone = ZoneInfo(zone_name)
    found = buckets(start, end, interval, zone)
    assert found[0].begins == day_begins(start, zone)
    assert found[-1].ends == day_begins(end + timedelta(days=1), zone)
    assert all(one.ends == following.begins for one, following in pairwise(found))
    assert all(one.begins <= one.ends for one in found)


@given(ranges, st.sampled_from(ZONES), st.data())
def test_every_instant_lies_in_the_bucket_of_its_local_date(
    span: tuple[date, date], zone_name: str, data: st.DataObject
) -> None:
    start, end = span
    zone = ZoneInfo(zone_name)
    days = buckets(start, end, Interval.DAILY, zone)
    months = buckets(start, end, Interval.MONTHLY, zone)
    moment = data.draw(st.integers(days[0].begins, days[-1].ends - 1))
    (day,) = (one.day for one in days if one.begins <= moment < one.ends)
    (month,) = (one.day for one in months if one.begins <= moment < one.ends)
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).astimezone(zone)
    assert day == local.date() == day_of(moment, zone)
    assert (month.year, month.month, month.day) == (local.year, local.month, 1)


@given(st.dates(date(2011, 6, 1), date(2036, 1, 1)), st.sampled_from(ZONES))
def test_both_edges_of_a_day_are_its_own(day: date, zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    (bucket,) = buckets(day, day, Interval.DAILY, zone)
    if bucket.begins < bucket.ends:
        assert day_of(bucket.begins, zone) == day == day_of(bucket.ends - 1, zone)
    assert day_of(bucket.begins - 1, zone) < day < day_of(bucket.ends, zone)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2021, 5, 31), 3, date(2021, 2, 28)),
        (date(2024, 5, 31), 3, date(2024, 2, 29)),
        (date(2100, 5, 31), 3, date(2100, 2, 28)),
        (date(2021, 5, 30), 3, date(2021, 2, 28)),
        (date(2021, 5, 28), 3, date(2021, 2, 28)),
        (date(2021, 1, 15), 3, date(2020, 10, 15)),
        (date(2021, 3, 31), 3, date(2020, 12, 31)),
        (date(2021, 7, 31), 3, date(2021, 4, 30)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2021, 12, 31), 0, date(2021, 12, 31)),
    ],
)
def test_months_before_keeps_the_day_or_takes_the_months_last(
    day: date, months: int, expected: date
) -> None:
    assert months_before(day, months) == expected
