"""Every part counts or has a reason, and those that count make the number again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.dora.arithmetic import (
    Aggregation,
    LeadTimeRules,
    Timeline,
    deployment_frequency,
    lead_time_for_changes,
)
from exporter.dora.calendar import Interval, buckets
from exporter.dora.facts import Deployment, Environment, MergeRequest
from exporter.explain.facts import Mark, Part, Reason, TracedDeployment
from exporter.explain.parts import Question, parts_of
from exporter.explain.totals import totals_of
from exporter.instant import Instant, from_datetime, microseconds

HOUR = microseconds(timedelta(hours=1))
NOON = from_datetime(datetime(2021, 3, 2, 12, tzinfo=UTC))
LATER = NOON + 1000 * HOUR
DAYS = buckets(date(2021, 3, 1), date(2021, 3, 4), Interval.DAILY, UTC)
PROJECT = 7
PRODUCTION = Environment(1, PROJECT, "production", "production")
CHANGE = MergeRequest(5, NOON - HOUR, "main", "ada")
DEPLOYED = TracedDeployment(
    id=1,
    iid=1,
    environment=PRODUCTION,
    tier="production",
    given_tier="production",
    ref="main",
    sha="5ad",
    finished_at=NOON,
    finish_source="deployment",
    first=False,
    links_final=True,
    merge_requests=(CHANGE,),
)
ASKED = Question(True, ("production",), DAYS, DAYS[0].begins, {PROJECT: LATER}, LeadTimeRules())


def only(question: Question, *deployments: TracedDeployment) -> Part:
    (part,) = parts_of(question, deployments)
    return part


def test_what_counts_has_no_reason_and_no_mark() -> None:
    part = only(ASKED, DEPLOYED)
    assert part == Part(1, DEPLOYED, CHANGE, 3600.0, None, ())
    totals = totals_of(ASKED, [part])
    assert [one.value for one in totals] == [None, 3600.0, None, None]
    assert [one.counted for one in totals] == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("reason", "question", "deployment"),
    [
        (Reason.AFTER_LAST_POLL, replace(ASKED, known_to={PROJECT: NOON - 1}), DEPLOYED),
        (Reason.AFTER_LAST_POLL, replace(ASKED, known_to={PROJECT: None}), DEPLOYED),
        (Reason.BEFORE_HISTORY, replace(ASKED, covered_since=NOON - HOUR), DEPLOYED),
        (Reason.BEFORE_HISTORY, replace(ASKED, covered_since=None), DEPLOYED),
        (Reason.TIER_OVERRIDDEN, ASKED, replace(DEPLOYED, tier="staging")),
        (Reason.FIRST_DEPLOYMENT, ASKED, replace(DEPLOYED, first=True)),
        (
            Reason.FIRST_DEPLOYMENT,
            ASKED,
            replace(DEPLOYED, first=True, links_final=False, merge_requests=()),
        ),
        (Reason.LINKS_NOT_READ, ASKED, replace(DEPLOYED, links_final=False, merge_requests=())),
        (Reason.NO_MERGE_REQUEST, ASKED, replace(DEPLOYED, merge_requests=())),
        (
            Reason.NO_MERGE_TIME,
            ASKED,
            replace(DEPLOYED, merge_requests=(replace(CHANGE, merged_at=None),)),
        ),
        (
            Reason.TARGET_BRANCH,
            replace(
                ASKED,
                rules=LeadTimeRules(
                    target_branches=frozenset({"develop"}), excluded_authors=frozenset({"ada"})
                ),
            ),
            DEPLOYED,
        ),
        (
            Reason.AUTHOR,
            replace(
                ASKED,
                rules=LeadTimeRules(
                    target_branches=frozenset({"main"}), excluded_authors=frozenset({"ada"})
                ),
            ),
            DEPLOYED,
        ),
    ],
)
def test_what_does_not_count_has_its_reason(
    reason: Reason, question: Question, deployment: TracedDeployment
) -> None:
    part = only(question, deployment)
    assert part.reason is reason
    totals = totals_of(question, [part])
    assert totals[1].value is None
    assert totals[1].left_out == {reason: 1}
    assert totals[1].counted == totals[1].deployments == totals[1].merge_requests == 0


def test_each_reason_is_put_to_the_test() -> None:
    marks = test_what_does_not_count_has_its_reason.pytestmark  # type: ignore[attr-defined]
    assert {one[0] for one in marks[0].args[1]} == set(Reason)


@pytest.mark.parametrize(
    ("mark", "deployment"),
    [
        (Mark.FINISH_ESTIMATED, replace(DEPLOYED, finish_source="job")),
        (Mark.TIER_OVERRIDDEN, replace(DEPLOYED, given_tier="other")),
        (Mark.LINKS_NOT_FINAL, replace(DEPLOYED, links_final=False)),
        (
            Mark.NEGATIVE_LEAD_TIME,
            replace(DEPLOYED, merge_requests=(replace(CHANGE, merged_at=NOON + 1),)),
        ),
    ],
)
def test_what_is_marked_counts(mark: Mark, deployment: TracedDeployment) -> None:
    part = only(ASKED, deployment)
    assert (part.reason, part.marks) == (None, (mark,))
    totals = totals_of(ASKED, [part])[1]
    assert totals.marked == {mark: 1}
    assert totals.value == (0.0 if mark is Mark.NEGATIVE_LEAD_TIME else 3600.0)


def test_a_deployment_counts_whatever_it_brought() -> None:
    question = replace(ASKED, lead_times=False)
    first = replace(DEPLOYED, id=2, first=True, links_final=False, merge_requests=())
    parts = parts_of(question, [first, DEPLOYED])
    assert [(one.deployment.id, one.merge_request, one.reason) for one in parts] == [
        (1, None, None),
        (2, None, None),
    ]
    assert [one.value for one in totals_of(question, parts)] == [0, 2, 0, 0]


def test_other_tiers_and_days_are_no_part() -> None:
    elsewhere = replace(DEPLOYED, tier="testing", given_tier="testing")
    before = replace(DEPLOYED, finished_at=DAYS[0].begins - 1)
    behind = replace(DEPLOYED, finished_at=DAYS[-1].ends)
    assert parts_of(ASKED, [elsewhere, before, behind]) == []


ZONE = ZoneInfo("Europe/Berlin")
BEGIN = from_datetime(datetime(2021, 3, 25, tzinfo=UTC))
_changes = st.builds(
    MergeRequest,
    iid=st.integers(1, 6),
    merged_at=st.none() | st.integers(BEGIN - 200 * HOUR, BEGIN + 200 * HOUR),
    target_branch=st.sampled_from(["main", "develop"]),
    author=st.sampled_from(["ada", "bot"]),
)
_deployments = st.builds(
    TracedDeployment,
    id=st.integers(1, 10**6),
    iid=st.just(1),
    environment=st.sampled_from([PRODUCTION, replace(PRODUCTION, id=2)]),
    tier=st.just("production"),
    given_tier=st.just("production"),
    ref=st.just("main"),
    sha=st.just("5ad"),
    finished_at=st.integers(BEGIN - 50 * HOUR, BEGIN + 200 * HOUR),
    finish_source=st.sampled_from(["deployment", "job"]),
    first=st.booleans(),
    links_final=st.booleans(),
    merge_requests=st.lists(_changes, max_size=4, unique_by=lambda one: one.iid).map(tuple),
)
_rules = st.builds(
    LeadTimeRules,
    aggregation=st.sampled_from(Aggregation),
    include_first=st.booleans(),
    target_branches=st.sampled_from([frozenset(), frozenset({"main"})]),
    excluded_authors=st.sampled_from([frozenset(), frozenset({"bot"})]),
    zone=st.just(ZONE),
)


@given(
    st.lists(_deployments, max_size=12, unique_by=lambda one: one.id),
    _rules,
    st.sampled_from(Interval),
    st.integers(BEGIN - 10 * HOUR, BEGIN + 50 * HOUR),
    st.integers(BEGIN + 100 * HOUR, BEGIN + 250 * HOUR),
)
def test_parts_make_the_numbers_of_the_arithmetic(
    deployments: Sequence[TracedDeployment],
    rules: LeadTimeRules,
    interval: Interval,
    covered_since: Instant,
    known_to: Instant,
) -> None:
    periods = buckets(date(2021, 3, 25), date(2021, 4, 1), interval, ZONE)
    facts = [
        Deployment(one.id, one.environment.id, one.finished_at, one.first, one.merge_requests)
        for one in deployments
    ]
    timeline = Timeline.of(facts, rules).until(known_to)
    question = Question(True, ("production",), periods, covered_since, {PROJECT: known_to}, rules)
    parts = parts_of(question, deployments)
    totals = totals_of(question, parts)
    expected = lead_time_for_changes(timeline, periods, covered_since, rules)
    assert [one.value for one in totals] == expected
    inside = [one for one in deployments if periods[0].begins <= one.finished_at < periods[-1].ends]
    assert len(parts) == sum(max(1, len(one.merge_requests)) for one in inside)
    assert sum(one.counted + one.left_out.total() for one in totals) == len(parts)
    question = replace(question, lead_times=False)
    counted = totals_of(question, parts_of(question, deployments))
    assert [one.value for one in counted] == deployment_frequency(timeline, periods, covered_since)
