from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.dora.arithmetic import (
    PERCENTILES,
    Aggregation,
    LeadTimeRules,
    Timeline,
    deployment_frequency,
    lead_time_for_changes,
    previous,
    timelines,
    trailing,
)
from exporter.dora.calendar import Bucket, Interval, buckets
from exporter.dora.columns import DeploymentColumns
from exporter.dora.facts import Deployment, MergeRequest
from exporter.instant import MICROSECONDS, Instant, from_datetime, microseconds

DAY = microseconds(timedelta(days=1))
HOUR = DAY // 24
NOON = from_datetime(datetime(2021, 3, 1, 12, tzinfo=UTC))
ALWAYS = NOON - 10_000 * DAY
DEFAULT = LeadTimeRules()
DAILY_MEDIANS = LeadTimeRules(aggregation=Aggregation.DAILY_MEDIANS)


def merged(
    before: float, *, deployed: Instant = NOON, branch: str = "main", author: str = "ada"
) -> MergeRequest:
    """Return a merge request merged so many days before a deployment."""
    return MergeRequest(1, deployed - round(before * DAY), branch, author)


def deployed(at: Instant, *days_before: float, number: int = 2, environment: int = 1) -> Deployment:
    """Return a deployment of merge requests merged so many days before it."""
    changes = tuple(merged(before, deployed=at) for before in days_before)
    return Deployment(number, environment, at, merge_requests=changes)


def timeline(*deployments: Deployment, rules: LeadTimeRules = DEFAULT) -> Timeline:
    """Return the timeline of some deployments."""
    return Timeline.of(deployments, rules)


def days(start: date, end: date, interval: Interval = Interval.DAILY) -> tuple[Bucket, ...]:
    """Return buckets in UTC."""
    return buckets(start, end, interval, UTC)


def median_days(deployments: Iterable[Deployment], rules: LeadTimeRules = DEFAULT) -> float | None:
    """Return the lead time of everything deployed on 2021-03-01 in days."""
    day = days(date(2021, 3, 1), date(2021, 3, 1))
    (found,) = lead_time_for_changes(Timeline.of(deployments, rules), day, ALWAYS, rules)
    return None if found is None else found / 86_400


# Examples that GitLab tests itself with.


def test_three_merge_requests_have_the_middle_one_as_median() -> None:
    assert median_days([deployed(NOON, 1, 2, 3)]) == 2


def test_an_uneven_spread_has_the_middle_one_as_median() -> None:
    assert median_days([deployed(NOON, 1, 5, 7)]) == 5


def test_only_merge_requests_into_the_wanted_branches_count() -> None:
    rules = LeadTimeRules(target_branches=frozenset({"main", "release"}))
    changes = (merged(1), merged(5, branch="release"), merged(7, branch="feature"))
    assert median_days([Deployment(2, 1, NOON, merge_requests=changes)], rules) == 3


def test_the_documented_array_of_deployment_frequency() -> None:
    counts = [3, 6, 0, 0, 0, 0, 0, 4]
    line = timeline(
        *(
            Deployment(100 * day + number, 1, NOON + day * DAY + number)
            for day, count in enumerate(counts)
            for number in range(count)
        )
    )
    week = days(date(2021, 3, 1), date(2021, 3, 8))
    assert deployment_frequency(line, week, ALWAYS) == counts
    whole = days(date(2021, 3, 1), date(2021, 3, 8), Interval.ALL)
    assert deployment_frequency(line, whole, ALWAYS) == [13]


# Which merge requests count.


def test_deployed_before_the_merge_counts_as_zero() -> None:
    assert list(timeline(deployed(NOON, -2, 1)).seconds) == [0, 86_400]


def test_deployed_at_the_moment_of_the_merge_counts_as_zero() -> None:
    assert list(timeline(deployed(NOON, 0)).seconds) == [0]


def test_a_lead_time_keeps_its_microseconds() -> None:
    change = MergeRequest(1, NOON - 1_500_001, "main", "ada")
    assert list(timeline(Deployment(2, 1, NOON, merge_requests=(change,))).seconds) == [1.500001]


def test_a_merge_request_without_a_merge_time_has_no_lead_time() -> None:
    change = MergeRequest(1, None, "main", "ada")
    assert list(timeline(Deployment(2, 1, NOON, merge_requests=(change,))).seconds) == []


@pytest.mark.parametrize(("include_first", "expected"), [(False, []), (True, [900 * 86_400.0])])
def test_a_first_deployment_brings_its_lead_times_only_where_wanted(
    include_first: bool, expected: list[float]
) -> None:
    rules = LeadTimeRules(include_first=include_first)
    first = Deployment(2, 1, NOON, first=True, merge_requests=(merged(900),))
    assert list(timeline(first, rules=rules).seconds) == expected


def test_a_first_deployment_is_a_deployment_all_the_same() -> None:
    first = Deployment(2, 1, NOON, first=True, merge_requests=(merged(900),))
    day = days(date(2021, 3, 1), date(2021, 3, 1))
    assert deployment_frequency(timeline(first), day, ALWAYS) == [1]


def test_excluded_authors_do_not_count() -> None:
    rules = LeadTimeRules(excluded_authors=frozenset({"bot"}))
    changes = (merged(1, author="bot"), merged(4), merged(6, author="grace"))
    assert median_days([Deployment(2, 1, NOON, merge_requests=changes)], rules) == 5


@pytest.mark.parametrize(
    ("branch", "author", "counts"),
    [
        ("main", "ada", True),
        ("main", "bot", False),
        ("feature", "ada", False),
        ("feature", "bot", False),
        ("Main", "ada", False),
    ],
)
def test_branch_and_author_must_both_be_wanted(branch: str, author: str, counts: bool) -> None:
    rules = LeadTimeRules(target_branches=frozenset({"main"}), excluded_authors=frozenset({"bot"}))
    assert rules.counts(branch, author) is counts


def test_a_merge_request_counts_once_for_each_environment_it_reached() -> None:
    line = timeline(deployed(NOON, 1), deployed(NOON + HOUR, 1, number=3, environment=2))
    assert list(zip(line.environments.tolist(), line.seconds.tolist(), strict=True)) == [
        (1, 86_400),
        (2, 86_400),
    ]


# Buckets.


def test_a_bucket_holds_its_begin_and_not_its_end() -> None:
    first, second = days(date(2021, 3, 1), date(2021, 3, 2))
    line = timeline(
        deployed(first.begins, 1, number=1),
        deployed(second.begins - 1, 2, number=2),
        deployed(second.begins, 3, number=3),
        deployed(second.ends, 4, number=4),
    )
    assert deployment_frequency(line, [first, second], ALWAYS) == [2, 1]
    assert lead_time_for_changes(line, [first, second], ALWAYS, DEFAULT) == [
        1.5 * 86_400,
        3 * 86_400,
    ]


def test_a_bucket_without_deployments_is_zero_and_has_no_lead_time() -> None:
    day = days(date(2021, 3, 1), date(2021, 3, 1))
    assert deployment_frequency(timeline(), day, ALWAYS) == [0]
    assert lead_time_for_changes(timeline(), day, ALWAYS, DEFAULT) == [None]


def test_a_bucket_whose_deployments_brought_nothing_has_no_lead_time() -> None:
    day = days(date(2021, 3, 1), date(2021, 3, 1))
    assert deployment_frequency(timeline(deployed(NOON)), day, ALWAYS) == [1]
    assert lead_time_for_changes(timeline(deployed(NOON)), day, ALWAYS, DEFAULT) == [None]


def test_buckets_that_begin_before_the_stored_history_are_unknown() -> None:
    three = days(date(2021, 3, 1), date(2021, 3, 3))
    line = timeline(*(deployed(NOON + n * DAY, 1, number=n + 1) for n in range(3)))
    assert deployment_frequency(line, three, NOON) == [None, 1, 1]
    assert lead_time_for_changes(line, three, NOON, DEFAULT) == [None, 86_400, 86_400]


def test_a_bucket_that_begins_with_the_stored_history_is_known() -> None:
    day = days(date(2021, 3, 1), date(2021, 3, 1))
    assert deployment_frequency(timeline(), day, day[0].begins) == [0]
    assert deployment_frequency(timeline(), day, day[0].begins + 1) == [None]


def test_no_buckets_have_no_numbers() -> None:
    assert deployment_frequency(timeline(deployed(NOON, 1)), [], ALWAYS) == []
    assert lead_time_for_changes(timeline(deployed(NOON, 1)), [], ALWAYS, DEFAULT) == []


# Trailing windows.


@pytest.mark.parametrize(
    ("at", "held"),
    [(-7 * DAY, 0), (-7 * DAY + 1, 1), (-DAY, 1), (0, 1), (1, 0)],
)
def test_a_window_holds_its_end_and_not_its_begin(at: int, held: int) -> None:
    found = trailing(
        timeline(deployed(NOON + at, 1)),
        timedelta(days=7),
        end=NOON,
        covered_since=ALWAYS,
        rules=DEFAULT,
    )
    assert found is not None
    assert (found.deployments, found.merge_requests) == (held, held)


@pytest.mark.parametrize(
    ("at", "held"),
    [(-14 * DAY, 0), (-14 * DAY + 1, 1), (-7 * DAY, 1), (-7 * DAY + 1, 0), (0, 0)],
)
def test_the_previous_window_ends_where_the_trailing_one_begins(at: int, held: int) -> None:
    found = previous(
        timeline(deployed(NOON + at, 1)),
        timedelta(days=7),
        end=NOON,
        covered_since=ALWAYS,
        rules=DEFAULT,
    )
    assert found is not None
    assert (found.deployments, found.merge_requests) == (held, held)


def test_a_window_by_hand() -> None:
    found = trailing(
        timeline(deployed(NOON, 1, 2), deployed(NOON - DAY, 3, 4, 5, number=1)),
        timedelta(hours=36),
        end=NOON,
        covered_since=ALWAYS,
        rules=DEFAULT,
    )
    assert found is not None
    assert (found.deployments, found.merge_requests) == (2, 5)
    assert found.per_day == pytest.approx(2 / 1.5)
    assert dict(found.lead_time) == {
        50: 3 * 86_400,
        75: 4 * 86_400,
        95: pytest.approx(4.8 * 86_400),
    }


def test_an_empty_window_counts_zero_and_has_no_lead_time() -> None:
    found = trailing(timeline(), timedelta(days=7), end=NOON, covered_since=ALWAYS, rules=DEFAULT)
    assert found is not None
    assert (found.deployments, found.per_day, found.merge_requests) == (0, 0, 0)
    assert dict(found.lead_time) == {}


def test_a_window_that_the_stored_history_does_not_cover_is_unknown() -> None:
    week = timedelta(days=7)
    line = timeline(deployed(NOON, 1))
    begin = NOON - 7 * DAY
    assert trailing(line, week, end=NOON, covered_since=begin, rules=DEFAULT) is not None
    assert trailing(line, week, end=NOON, covered_since=begin + 1, rules=DEFAULT) is None


def test_the_previous_window_needs_twice_the_stored_history() -> None:
    week = timedelta(days=7)
    begin = NOON - 14 * DAY
    assert previous(timeline(), week, end=NOON, covered_since=begin, rules=DEFAULT) is not None
    assert previous(timeline(), week, end=NOON, covered_since=begin + 1, rules=DEFAULT) is None


# Timelines.


def test_a_timeline_orders_what_comes_in_any_order() -> None:
    late, early = deployed(NOON, 1), deployed(NOON - DAY, 2, number=3)
    line = timeline(late, early)
    assert line == timeline(early, late)
    assert line.finished.tolist() == [NOON - DAY, NOON]
    assert line.seconds.tolist() == [2 * 86_400, 86_400]


def test_the_timeline_of_a_group_is_that_of_all_its_deployments() -> None:
    one = [deployed(NOON, 1), deployed(NOON + 2 * HOUR, 5, number=4)]
    other = [deployed(NOON + HOUR, 3, number=3, environment=2)]
    assert Timeline.merged([timeline(*one), timeline(*other)]) == timeline(*one, *other)


def test_a_group_without_projects_is_empty() -> None:
    assert Timeline.merged([]) == timeline()


# GitLab's own arithmetic: a median of daily medians.


def test_daily_medians_take_the_median_of_the_rows() -> None:
    deployments = [
        deployed(NOON, 1, 2, 9),
        deployed(NOON + HOUR, 4, number=3, environment=2),
        deployed(NOON + 2 * HOUR, 30, number=4, environment=3),
    ]
    assert median_days(deployments, DAILY_MEDIANS) == 4
    assert median_days(deployments, DEFAULT) == 4
    # A second large change of the third environment moves only the median over all changes.
    deployments.append(deployed(NOON + 3 * HOUR, 30, number=5, environment=3))
    assert median_days(deployments, DAILY_MEDIANS) == 4
    assert median_days(deployments, DEFAULT) == 6.5


def test_daily_medians_have_a_row_for_each_day() -> None:
    line = timeline(
        deployed(NOON, 1, 1, 1, 1, 1),
        deployed(NOON + DAY, 3, number=3),
        deployed(NOON + 2 * DAY, 8, number=4),
        rules=DAILY_MEDIANS,
    )
    month = days(date(2021, 3, 1), date(2021, 3, 31), Interval.MONTHLY)
    assert lead_time_for_changes(line, month, ALWAYS, DAILY_MEDIANS) == [3 * 86_400]
    assert lead_time_for_changes(line, month, ALWAYS, DEFAULT) == [86_400]


@pytest.mark.parametrize(
    ("seconds", "row"), [(0.5, 0), (1.5, 2), (2.5, 2), (2.500001, 3), (2.499999, 2)]
)
def test_daily_medians_are_kept_in_whole_seconds_halves_to_even(seconds: float, row: int) -> None:
    change = MergeRequest(1, NOON - round(seconds * MICROSECONDS), "main", "ada")
    line = timeline(Deployment(2, 1, NOON, merge_requests=(change,)), rules=DAILY_MEDIANS)
    day = days(date(2021, 3, 1), date(2021, 3, 1))
    assert lead_time_for_changes(line, day, ALWAYS, DAILY_MEDIANS) == [row]
    assert lead_time_for_changes(line, day, ALWAYS, DEFAULT) == [pytest.approx(seconds)]


def test_the_days_of_daily_medians_are_those_of_the_zone() -> None:
    around_midnight = [
        deployed(from_datetime(datetime(2021, 3, 1, 22, 30, tzinfo=UTC)), 2),
        deployed(from_datetime(datetime(2021, 3, 1, 23, 30, tzinfo=UTC)), 4, number=3),
        deployed(from_datetime(datetime(2021, 3, 2, 0, 30, tzinfo=UTC)), 10, number=4),
    ]
    berlin = LeadTimeRules(aggregation=Aggregation.DAILY_MEDIANS, zone=ZoneInfo("Europe/Berlin"))
    span = days(date(2021, 3, 1), date(2021, 3, 2), Interval.ALL)
    in_utc = Timeline.of(around_midnight, DAILY_MEDIANS)
    in_berlin = Timeline.of(around_midnight, berlin)
    assert lead_time_for_changes(in_utc, span, ALWAYS, DAILY_MEDIANS) == [6.5 * 86_400]
    assert lead_time_for_changes(in_berlin, span, ALWAYS, berlin) == [4.5 * 86_400]


# An independent re-computation over made-up histories.

histories = st.lists(
    st.tuples(
        st.integers(0, 5 * DAY - 1),  # after 2021-03-01T00:00Z
        st.integers(1, 3),  # environment
        st.lists(st.integers(-DAY, 20 * DAY), max_size=4),  # lead times, some below zero
        st.booleans(),  # first
    ),
    max_size=15,
)
MIDNIGHT = NOON - DAY // 2


def made(history: list[tuple[int, int, list[int], bool]]) -> list[Deployment]:
    """Turn a made-up history into deployments."""
    return [
        Deployment(
            number,
            environment,
            MIDNIGHT + offset,
            first,
            tuple(
                MergeRequest(iid, MIDNIGHT + offset - waited, "main", "ada")
                for iid, waited in enumerate(waits)
            ),
        )
        for number, (offset, environment, waits, first) in enumerate(history)
    ]


@given(histories, st.booleans(), st.sampled_from(list(Aggregation)))
def test_buckets_agree_with_a_plain_recount(
    history: list[tuple[int, int, list[int], bool]], include_first: bool, how: Aggregation
) -> None:
    rules = LeadTimeRules(aggregation=how, include_first=include_first)
    line = Timeline.of(made(history), rules)
    for interval, length in ((Interval.DAILY, 1), (Interval.ALL, 5)):
        periods = days(date(2021, 3, 1), date(2021, 3, 5), interval)
        counts: list[int | None] = []
        medians: list[float | None] = []
        for begin in range(0, 5, length):
            held = [one for one in history if begin <= one[0] // DAY < begin + length]
            counts.append(len(held))
            rows: dict[object, list[float]] = {}
            for order, (offset, environment, waits, first) in enumerate(held):
                if not first or include_first:
                    key = (environment, offset // DAY)
                    for number, waited in enumerate(waits):
                        single = how is Aggregation.MERGE_REQUESTS
                        row = rows.setdefault((order, number) if single else key, [])
                        row.append(max(waited, 0) / MICROSECONDS)
            values = [median(row) for row in rows.values()]
            if how is Aggregation.DAILY_MEDIANS:
                values = [round(value) for value in values]
            medians.append(median(values) if values else None)
        assert deployment_frequency(line, periods, ALWAYS) == counts
        assert lead_time_for_changes(line, periods, ALWAYS, rules) == pytest.approx(medians)


@given(histories, st.integers(0, 6 * DAY), st.integers(1, 5 * 24))
def test_windows_agree_with_a_plain_recount(
    history: list[tuple[int, int, list[int], bool]], end: int, length: int
) -> None:
    found = trailing(
        Timeline.of(made(history), DEFAULT),
        timedelta(hours=length),
        end=MIDNIGHT + end,
        covered_since=ALWAYS,
        rules=DEFAULT,
    )
    held = [one for one in history if end - length * HOUR < one[0] <= end]
    waits = [max(waited, 0) / MICROSECONDS for one in held if not one[3] for waited in one[2]]
    assert found is not None
    assert found.deployments == len(held)
    assert found.per_day == pytest.approx(len(held) * 24 / length)
    assert found.merge_requests == len(waits)
    assert set(found.lead_time) == (set(PERCENTILES) if waits else set())
    if waits:
        assert found.lead_time[50] == pytest.approx(median(waits))


@given(histories)
def test_days_add_up_to_the_whole(history: list[tuple[int, int, list[int], bool]]) -> None:
    line = Timeline.of(made(history), DEFAULT)
    span = (date(2021, 3, 1), date(2021, 3, 5))
    daily = deployment_frequency(line, days(*span), ALWAYS)
    assert [sum(count or 0 for count in daily)] == deployment_frequency(
        line, days(*span, Interval.ALL), ALWAYS
    )


@given(histories, st.booleans())
def test_each_environment_has_the_timeline_of_its_deployments(
    history: list[tuple[int, int, list[int], bool]], include_first: bool
) -> None:
    rules = LeadTimeRules(include_first=include_first)
    deployments = made(history)
    found = timelines(DeploymentColumns.of(deployments, 7), rules)
    by_environment: dict[int, list[Deployment]] = {}
    for one in deployments:
        by_environment.setdefault(one.environment_id, []).append(one)
    wanted = {one: Timeline.of(part, rules) for one, part in by_environment.items()}
    assert found == ({7: wanted} if wanted else {})
