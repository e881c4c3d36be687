"""Whose merge requests count, and which share of the deployments has any."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.dora.arithmetic import Authors, LeadTimeRules, Timeline, linked_share
from exporter.dora.facts import Deployment, MergeRequest
from exporter.instant import Instant, microseconds

DAY = timedelta(days=1)
END = 1000 * microseconds(DAY)
HOUR = microseconds(timedelta(hours=1))


@pytest.mark.parametrize(
    ("authors", "of_people", "of_bots"),
    [(Authors.PEOPLE, True, False), (Authors.BOTS, False, True), (Authors.ALL, True, True)],
)
def test_each_choice_of_authors(authors: Authors, of_people: bool, of_bots: bool) -> None:
    rules = LeadTimeRules(
        excluded_authors=frozenset({"bot"}),
        target_branches=frozenset({"main"}),
        authors=authors,
    )
    assert rules.counts("main", "ada") is of_people
    assert rules.counts("main", "bot") is of_bots
    assert not rules.counts("other", "ada")
    assert not rules.counts("other", "bot")


def deployment(number: int, environment: int, finished: Instant, changes: int) -> Deployment:
    merged = tuple(MergeRequest(one, finished - HOUR, "main", "ada") for one in range(changes))
    return Deployment(number, environment, finished, merge_requests=merged)


@given(
    st.lists(
        st.tuples(
            st.integers(1, 3),
            # Few moments, so that several environments are deployed to at the same one.
            st.integers(0, 40).map(lambda hours: END - hours * HOUR),
            st.integers(0, 3),
        ),
        unique_by=lambda one: one[:2],
    )
)
def test_the_share_is_of_the_deployments_of_the_window(
    some: list[tuple[int, Instant, int]],
) -> None:
    timeline = Timeline.of(
        [deployment(number, *one) for number, one in enumerate(some)], LeadTimeRules()
    )
    held = [changes for _, at, changes in some if END - 24 * HOUR < at <= END]
    expected = sum(map(bool, held)) / len(held) if held else None
    assert linked_share(timeline, DAY, end=END) == expected
