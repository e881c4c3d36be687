"""Which merge requests deployments brought, and which of them are to be asked about."""

import pytest

from exporter.store import Store, Unsettled, schema
from exporter.store.links import unsettled_query
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
    return [one.id for one in store.links.unsettled(include_first=include_first, project_ids=[APP])]


@pytest.fixture(autouse=True)
def _in_scope(store: Store) -> None:
    discover(store, {APP: "top/app", API: "top/api"})
    polled(store)


def read_early(store: Store, *deployments: int) -> None:
    """Let deployments have been read early, as earlier versions did."""
    with store._database.writing() as connection:
        connection.execute(
            schema.deployments.update()
            .where(schema.deployments.c.id.in_(deployments))
            .values(links=1)
        )


def test_a_new_deployment_is_unread(store: Store) -> None:
    save(store, [seen(1, 4)])
    expected = [Unsettled(1, APP, 4, linked=False)]
    assert store.links.unsettled(include_first=True, project_ids=[APP]) == expected
    assert store.links.unsettled(include_first=True) == expected


def test_what_an_earlier_version_read_early_is_asked_again(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 2)])
    link(store, {1: [7], 2: []})
    read_early(store, 1, 2)
    assert store.links.unsettled(include_first=True) == [
        Unsettled(2, APP, 2, linked=False),
        Unsettled(1, APP, 1, linked=True),
    ]


def test_what_an_earlier_version_read_early_may_be_final(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 2)])
    link(store, {1: [7], 2: [8]})
    read_early(store, 1, 2)
    store.links.save(APP, {2: []}, unchanged=[1], at=NOW)
    assert unsettled(store) == []
    assert linked_to(stored(store)) == {1: {7}, 2: set()}


def test_a_final_reading_is_not_asked_again(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 2)])
    link(store, {1: [7], 2: []})
    assert unsettled(store) == []


def test_a_later_reading_replaces_the_links(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 2)])
    link(store, {1: [7, 8], 2: [5]})
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
    store.links.save(APP, {1: [change(7, 3, "main")]}, at=NOW)
    store.links.save(APP, {2: [change(7, 4, "release")]}, at=NOW)
    expected = (change(7, 4, "release"),)
    assert [one.merge_requests for one in stored(store)] == [expected, expected]


@pytest.mark.parametrize("told", [(3_500_000, 3_000_000), (3_000_000, 3_500_000)])
def test_a_time_told_in_whole_seconds_takes_no_digits_away(store: Store, told: list[int]) -> None:
    save(store, [seen(1, 9_000_000), seen(2, 9_000_000)])
    for deployment, merged_at in zip((1, 2), told, strict=True):
        store.links.save(APP, {deployment: [change(7, merged_at)]}, at=NOW)
    assert {one.merge_requests[0].merged_at for one in stored(store)} == {3_500_000}


def test_another_time_is_taken(store: Store) -> None:
    save(store, [seen(1, 9_000_000)])
    for merged_at in (3_500_000, 4_000_000):
        store.links.save(APP, {1: [change(7, merged_at)]}, at=NOW)
    assert [one.merge_requests[0].merged_at for one in stored(store)] == [4_000_000]


def test_projects_have_merge_requests_of_the_same_number(store: Store) -> None:
    save(store, [seen(1, 1)])
    elsewhere = [environment(103, project=API)]
    save(store, [seen(2, 2, 103)], elsewhere, project=API, tiers={103: "production"})
    store.links.save(APP, {1: [change(7, 3)]}, at=NOW)
    store.links.save(API, {2: [change(7, 4)]}, at=NOW)
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
    assert store.links.unsettled(include_first=True, project_ids=[API]) == []


def test_the_unsettled_of_all_projects_are_found_by_their_index(store: Store) -> None:
    """A large estate has a million deployments, and few that are not settled."""
    explain = "EXPLAIN QUERY PLAN"
    with store._database.reading() as connection:
        if store._database.shared:
            connection.exec_driver_sql("SET enable_seqscan = off")  # its choice for a small table
            explain = "EXPLAIN"
        query = str(unsettled_query(include_first=False))
        plan = connection.exec_driver_sql(f"{explain} {query}").all()
    assert "ix_deployments_unsettled" in str(plan)
