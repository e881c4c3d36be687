"""Which merge requests deployments brought, and which of them are to be asked about."""

import pytest

from exporter.store import Links, Store
from tests.store.facts import (
    API,
    APP,
    NOW,
    STAGE,
    change,
    discover,
    environment,
    link,
    linked_to,
    polled,
    save,
    seen,
    stored,
)


def unsettled(store: Store, *, include_first: bool = True) -> list[int]:
    return [one.id for one in store.links.unsettled(APP, include_first=include_first)]


@pytest.fixture(autouse=True)
def _in_scope(store: Store) -> None:
    discover(store, {APP: "top/app", API: "top/api"})
    polled(store)


def test_a_new_deployment_is_unread(store: Store) -> None:
    save(store, [seen(1, 1)])
    (one,) = store.links.unsettled(APP, include_first=True)
    assert (one.links, one.read_at, one.linked) == (Links.UNREAD, None, False)


def test_an_early_reading_is_asked_again(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 2)])
    link(store, {1: [7], 2: []}, final=False, at=9)
    two, one = store.links.unsettled(APP, include_first=True)
    assert (one.id, one.links, one.read_at, one.linked) == (1, Links.EARLY, 9, True)
    assert (two.id, two.links, two.read_at, two.linked) == (2, Links.EARLY, 9, False)


def test_a_final_reading_is_not_asked_again(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 2)])
    link(store, {1: [7], 2: []})
    assert unsettled(store) == []


def test_early_and_final_in_one_go(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 2)])
    store.links.save(APP, {1: [change(7)], 2: []}, final={1, 99}, at=NOW)
    assert unsettled(store) == [2]


def test_a_later_reading_replaces_the_links(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 2)])
    link(store, {1: [7, 8], 2: [5]}, final=False)
    link(store, {1: [8, 9]})
    assert linked_to(stored(store)) == {1: {8, 9}, 2: {5}}
    link(store, {1: []})
    assert linked_to(stored(store)) == {1: set(), 2: {5}}


def test_the_same_merge_request_in_two_deployments_is_stored_once(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 2, STAGE)], [environment(), environment(STAGE)])
    link(store, {1: [7], 2: [7, 7]})
    assert linked_to(stored(store)) == {1: {7}, 2: {7}}


def test_a_merge_request_is_kept_as_it_was_last_read(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 2)])
    store.links.save(APP, {1: [change(7, 3, "main")]}, final={1}, at=NOW)
    store.links.save(APP, {2: [change(7, 4, "release")]}, final={2}, at=NOW)
    expected = (change(7, 4, "release"),)
    assert [one.merge_requests for one in stored(store)] == [expected, expected]


@pytest.mark.parametrize("told", [(3_500_000, 3_000_000), (3_000_000, 3_500_000)])
def test_a_time_told_in_whole_seconds_takes_no_digits_away(store: Store, told: list[int]) -> None:
    save(store, [seen(1, 9_000_000), seen(2, 9_000_000)])
    for deployment, merged_at in zip((1, 2), told, strict=True):
        store.links.save(APP, {deployment: [change(7, merged_at)]}, final={deployment}, at=NOW)
    assert {one.merge_requests[0].merged_at for one in stored(store)} == {3_500_000}


def test_another_time_is_taken(store: Store) -> None:
    save(store, [seen(1, 9_000_000)])
    for merged_at in (3_500_000, 4_000_000):
        store.links.save(APP, {1: [change(7, merged_at)]}, final={1}, at=NOW)
    assert [one.merge_requests[0].merged_at for one in stored(store)] == [4_000_000]


def test_projects_have_merge_requests_of_the_same_number(store: Store) -> None:
    save(store, [seen(1, 1)])
    elsewhere = [environment(103, project=API)]
    save(store, [seen(2, 2, 103)], elsewhere, project=API, tiers={103: "production"})
    store.links.save(APP, {1: [change(7, 3)]}, final={1}, at=NOW)
    store.links.save(API, {2: [change(7, 4)]}, final={2}, at=NOW)
    store.scope.save_poll(NOW, [APP, API])
    assert [one.merge_requests[0].merged_at for one in stored(store)] == [3]
    assert [one.merge_requests[0].merged_at for one in stored(store, API)] == [4]


def test_unsettled_deployments_come_newest_first(store: Store) -> None:
    save(store, [seen(1, 10), seen(2, 30), seen(4, 20), seen(3, 20)])
    assert unsettled(store) == [2, 4, 3, 1]


def test_first_deployments_are_read_only_where_they_count(store: Store) -> None:
    save(store, [seen(3, 50), seen(5, 30), seen(8, 80)])
    assert unsettled(store, include_first=True) == [8, 3, 5]
    assert unsettled(store, include_first=False) == [8]


def test_unsettled_deployments_are_those_of_the_project(store: Store) -> None:
    save(store, [seen(1, 1)])
    assert store.links.unsettled(API, include_first=True) == []
