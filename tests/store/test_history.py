import pytest

from exporter.dora.facts import Deployment
from exporter.store import Store
from tests.store.facts import (
    API,
    APP,
    NOW,
    PROD,
    STAGE,
    WEB,
    change,
    discover,
    environment,
    history_of,
    ids,
    link,
    linked_to,
    polled,
    save,
    seen,
    stored,
)


@pytest.fixture(autouse=True)
def _in_scope(store: Store) -> None:
    discover(store, {APP: "top/app", API: "top/api", WEB: "top/web"})


def test_gives_deployments_in_order_with_their_merge_requests(store: Store) -> None:
    save(store, [seen(2, 20), seen(1, 10), seen(3, 15)])
    link(store, {1: [], 2: [7, 8], 3: [9]})
    polled(store)
    found = stored(store)
    assert ids(found) == [1, 3, 2]
    assert linked_to(found) == {1: set(), 3: {9}, 2: {7, 8}}
    assert found[1] == Deployment(3, PROD, 15, first=False, merge_requests=(change(9),))


def test_merge_requests_of_first_deployments_come_only_where_wanted(store: Store) -> None:
    save(store, [seen(1, 10), seen(2, 20)])
    link(store, {1: [7], 2: [8]})
    polled(store)
    assert linked_to(stored(store, with_first=True)) == {1: {7}, 2: {8}}
    without = stored(store, with_first=False)
    assert linked_to(without) == {1: set(), 2: {8}}
    assert [one.first for one in without] == [True, False]


def test_gives_the_wanted_projects(store: Store) -> None:
    save(store, [seen(1, 10), seen(4, 40)])
    for project, name, number in ((API, 103, 2), (WEB, 104, 3)):
        here = [environment(name, project=project)]
        tiers = {name: "production"}
        save(store, [seen(number, 5, name)], here, project=project, tiers=tiers)
    store.scope.save_poll(NOW, [APP, API, WEB])
    given = history_of(store, [APP, API])
    assert {project: ids(found) for project, found in given.items()} == {APP: [1, 4], API: [2]}
    assert history_of(store, []) == {}


def test_gives_all_projects_at_once_as_it_gives_each(store: Store) -> None:
    save(store, [seen(1, 10), seen(4, 40)])
    link(store, {1: [7], 4: [7, 9]})
    save(store, [seen(2, 5, 103)], [environment(103, project=API)], project=API, tiers={103: "x"})
    store.scope.save_poll(NOW, [APP, API])
    each = {
        project: found for one in (APP, API) for project, found in history_of(store, [one]).items()
    }
    assert history_of(store, None) == each
    assert linked_to(each[APP]) == {1: {7}, 4: {7, 9}}


def test_tells_branches_and_authors_only_where_wanted(store: Store) -> None:
    save(store, [seen(1, 10), seen(4, 40)])
    link(store, {4: [7]})
    polled(store)
    brought = change(7)
    wanted = store.history.columns([APP], with_first=False, with_kinds=True)
    assert wanted.kinds_of_changes == [(brought.target_branch, brought.author)]
    without = store.history.columns([APP], with_first=False, with_kinds=False)
    assert without.kinds_of_changes == [("", "")]
    for one in (wanted, without):
        assert (list(one.iids), list(one.kinds)) == ([7], [0])
        assert list(one.merged_at) == [brought.merged_at]


def test_tells_the_environments_of_the_wanted_projects(store: Store) -> None:
    own = [environment(oldest=4), environment(STAGE, name="Staging", tier=None)]
    save(store, environments=own)
    save(store, environments=[environment(103, project=API)], project=API)
    found = store.history.environments([APP])
    assert set(found) == {APP}
    assert sorted(found[APP], key=lambda one: one.id) == own
    assert store.history.environments([]) == {}


def test_a_new_store_has_no_history(store: Store) -> None:
    assert store.history.counters() == {}
    assert stored(store) == []
