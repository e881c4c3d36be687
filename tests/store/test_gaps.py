"""Deployments without merge requests, and what is found for them, in both databases."""

import pytest

from exporter.dora.facts import LinkMethod
from exporter.store import Deployed, Links, SeenDeployment, Store, schema
from tests.store.facts import (
    API,
    APP,
    NOW,
    PROD,
    STAGE,
    change,
    discover,
    environment,
    link,
    linked_to,
    polled,
    save,
    stored,
)


@pytest.fixture(autouse=True)
def _in_scope(store: Store) -> None:
    discover(store, {APP: "top/app", API: "top/api"})
    polled(store)


def at(number: int, *, environment: int = PROD) -> SeenDeployment:
    """Return a deployment that finished at the instant of its number."""
    return SeenDeployment(
        number, number, environment, "main", f"5a{number}", number, number, "deployment"
    )


def deployed(number: int, *, settled: bool = True, gap: bool = False) -> Deployed:
    return Deployed(number, f"5a{number}", settled, gap, rolled_back=False)


def states(store: Store) -> dict[int, Links]:
    with store._database.reading() as connection:
        rows = connection.execute(schema.deployments.select())
        return {row.id: Links(row.links) for row in rows}


def test_gaps_come_with_all_deployments_of_their_environment(store: Store) -> None:
    save(store, [at(one) for one in (1, 2, 3, 4)])
    save(store, [at(11, environment=STAGE), at(12, environment=STAGE)], [environment(STAGE)])
    link(store, {2: [7], 3: [], 11: [], 12: [7]})
    assert store.gaps.load([APP]) == {
        APP: [[deployed(1), deployed(2), deployed(3, gap=True), deployed(4, settled=False)]]
    }
    assert store.gaps.load([API]) == store.gaps.load([]) == {}


def test_a_first_deployment_and_one_that_is_not_settled_are_no_gaps(store: Store) -> None:
    save(store, [at(1), at(2)])
    link(store, {1: []})
    assert store.gaps.load([APP]) == {}
    link(store, {2: []})
    assert store.gaps.load([APP]) == {APP: [[deployed(1), deployed(2, gap=True)]]}


def test_what_is_found_is_linked_and_nothing_is_a_gap_twice(store: Store) -> None:
    save(store, [at(one) for one in (1, 2, 3, 4)])
    link(store, {2: [], 3: [], 4: []})
    revision, _ = store.revisions.since(0)
    assert store.gaps.save(APP, {2: [change(7), change(8)], 3: []}, nothing_new=[4], at=NOW) == 2
    assert linked_to(stored(store)) == {1: set(), 2: {7, 8}, 3: set(), 4: set()}
    assert states(store) == {
        1: Links.UNREAD,
        2: Links.COMPARED,
        3: Links.COMPARED,
        4: Links.NOTHING_NEW,
    }
    assert store.gaps.load([APP]) == {}
    assert store.revisions.since(revision)[1] == {APP}
    assert store.links.unsettled(include_first=False) == []
    save(store, [at(5)])
    link(store, {5: []})
    ((*_, rolled_back, _),) = store.gaps.load([APP])[APP]
    assert rolled_back == Deployed(4, "5a4", settled=True, gap=False, rolled_back=True)


def test_a_merge_request_is_linked_once_in_an_environment(store: Store) -> None:
    save(store, [at(one) for one in (1, 2, 3, 4)])
    save(store, [at(11, environment=STAGE), at(12, environment=STAGE)], [environment(STAGE)])
    link(store, {2: [7], 3: [], 4: [], 12: []})
    found = {3: [change(7), change(8)], 4: [change(8), change(9)], 12: [change(7)]}
    assert store.gaps.save(APP, found, at=NOW) == 3
    assert linked_to(stored(store)) == {1: set(), 2: {7}, 3: {8}, 4: {9}, 11: set(), 12: {7}}


def test_who_found_a_link_is_told(store: Store) -> None:
    save(store, [at(one) for one in (1, 2, 3)])
    link(store, {2: [7], 3: []})
    store.gaps.save(APP, {3: [change(8)]}, at=NOW)
    some = store.provenance.deployments([APP], 0, 1000)
    assert {(each.iid, each.found_by) for one in some for each in one.merge_requests} == {
        (7, LinkMethod.GITLAB),
        (8, LinkMethod.COMPARE),
    }
    assert all(one.final for one in some if one.id != 1)


def test_what_the_retention_took_meanwhile_is_passed_over(store: Store) -> None:
    save(store, [at(one) for one in (1, 2, 3)])
    link(store, {2: [], 3: []})
    store.readings.prune(3)
    assert store.gaps.save(APP, {2: [change(7)], 3: [change(8)]}, at=NOW) == 1
    assert linked_to(stored(store)) == {3: {8}}


def test_nothing_found_changes_no_number(store: Store) -> None:
    save(store, [at(1), at(2)])
    link(store, {2: []})
    revision, _ = store.revisions.since(0)
    assert store.gaps.save(APP, {2: []}, at=NOW) == 0
    assert store.revisions.since(revision) == (revision, set())
