"""All that is stored of the deployments of a range, and nothing of any other."""

import pytest

from exporter.dora.facts import Environment
from exporter.store import Store
from exporter.store import provenance as asking
from tests.store.facts import API, APP, PROD, STAGE, change, discover, environment, link, save, seen


@pytest.fixture(autouse=True)
def _in_scope(store: Store) -> None:
    discover(store, {APP: "top/app", API: "top/api"})


def found(store: Store, *projects: int, begins: int = 0, ends: int = 1000) -> dict[int, set[int]]:
    """Return the merge requests of the deployments that are found."""
    some = store.provenance.deployments(projects, begins, ends)
    assert len(some) == len({one.id for one in some})
    return {one.id: {linked.iid for linked in one.merge_requests} for one in some}


def test_only_the_range_is_read_begin_included_and_end_not(store: Store) -> None:
    save(store, [seen(1, 99), seen(2, 100), seen(3, 199), seen(4, 200)])
    link(store, {1: [1], 2: [1, 2], 3: [], 4: [3]})
    assert found(store, APP, begins=100, ends=200) == {2: {1, 2}, 3: set()}


def test_only_the_projects_asked_for_are_read(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_PROJECTS_A_QUERY", 1)
    save(store, [seen(1, 5)])
    save(store, [seen(2, 6, STAGE)], [environment(STAGE, project=API)], project=API)
    store.links.save(API, {2: [change(1, 3, "of api")]}, at=9)
    link(store, {1: [1]})
    assert found(store) == {}
    assert found(store, APP) == {1: {1}}
    assert found(store, API) == {2: {1}}
    assert found(store, APP, API) == {1: {1}, 2: {1}}
    (one,) = store.provenance.deployments([API], 0, 10)
    assert one.merge_requests == (change(1, 3, "of api"),)


def test_everything_about_a_deployment_is_told(store: Store) -> None:
    save(store, [seen(7, 50)], [environment(name="live", tier=None, oldest=7)])
    (one,) = store.provenance.deployments([APP], 50, 51)
    assert one.environment == Environment(PROD, APP, "live", None)
    assert (one.id, one.iid, one.ref, one.sha) == (7, 7, "main", "5ad")
    assert (one.finished_at, one.finish_source) == (50, "deployment")
    assert one.first
    assert not one.final
    link(store, {7: []})
    (one,) = store.provenance.deployments([APP], 50, 51)
    assert one.final


def test_merge_requests_are_read_only_where_they_are_wanted(store: Store) -> None:
    save(store, [seen(1, 5)])
    link(store, {1: [1, 2]})
    (one,) = store.provenance.deployments([APP], 0, 10, with_merge_requests=False)
    assert one.merge_requests == ()
    assert one.final
