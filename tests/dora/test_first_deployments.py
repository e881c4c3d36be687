from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.dora.arithmetic import first_deployments

histories = st.lists(
    st.tuples(st.integers(1, 30), st.integers(0, 20)), unique_by=lambda pair: pair[0], max_size=12
)


def first_by_looking_back(history: list[tuple[int, int]]) -> set[int]:
    """Ask, for each deployment, for the successes that GitLab saw when it finished."""
    return {
        number
        for number, finished in history
        if not any(other < number and earlier <= finished for other, earlier in history)
    }


def test_no_deployments_have_no_first() -> None:
    assert first_deployments([], None) == frozenset()
    assert first_deployments([], 3) == frozenset()


def test_the_oldest_of_a_whole_history_is_first() -> None:
    assert first_deployments([(3, 30), (5, 50), (8, 80)], 3) == {3}


def test_without_word_of_an_older_one_the_oldest_stored_is_first() -> None:
    assert first_deployments([(3, 30), (5, 50)], None) == {3}


def test_none_is_first_where_the_oldest_is_no_longer_stored() -> None:
    assert first_deployments([(3, 30), (5, 50)], 1) == frozenset()


def test_an_overtaken_first_deployment_leaves_two() -> None:
    # 5 finished while 3 still ran, so GitLab found no previous success for either.
    assert first_deployments([(3, 50), (5, 30), (8, 80)], 3) == {3, 5}


def test_overtaken_twice_leaves_three() -> None:
    assert first_deployments([(3, 50), (5, 40), (8, 30), (9, 45)], 3) == {3, 5, 8}


def test_overtaken_later_on_is_nothing_special() -> None:
    assert first_deployments([(3, 30), (5, 90), (8, 80)], 3) == {3}


def test_the_order_given_does_not_matter() -> None:
    history = [(3, 50), (5, 30), (8, 80)]
    assert {first_deployments(order, 3) for order in permutations(history)} == {frozenset({3, 5})}


@given(histories)
def test_a_whole_history_is_as_gitlab_saw_it(history: list[tuple[int, int]]) -> None:
    oldest = min((number for number, _ in history), default=None)
    assert first_deployments(history, oldest) == first_by_looking_back(history)


@given(histories, st.data())
def test_forgetting_old_deployments_keeps_the_rest_first(
    history: list[tuple[int, int]], data: st.DataObject
) -> None:
    oldest = min((number for number, _ in history), default=None)
    before = data.draw(st.integers(0, 21))
    kept = [(number, finished) for number, finished in history if finished >= before]
    first = first_by_looking_back(history)
    assert first.intersection(number for number, _ in kept) <= first_deployments(kept, oldest)


@pytest.mark.parametrize("oldest_id", [None, 3])
def test_a_single_deployment_is_first(oldest_id: int | None) -> None:
    assert first_deployments([(3, 30)], oldest_id) == {3}
