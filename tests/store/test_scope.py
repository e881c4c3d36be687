import pytest

from exporter.dora.facts import Group, Project
from exporter.store import Discovered, Store
from tests.store.facts import (
    API,
    APP,
    NOW,
    PROD,
    SIDE,
    STAGE,
    SUB,
    TOP,
    WEB,
    discover,
    environment,
    save,
    seen,
)

GROUP = Discovered({APP: "top/app", API: "top/sub/api"}, {TOP: "top", SUB: "top/sub"})
SINGLE = Discovered({WEB: "side/web"}, {})


def paths(store: Store) -> tuple[list[str], list[str]]:
    scope = store.scope.load()
    return [one.path for one in scope.projects], [one.path for one in scope.groups]


def save_discovery(store: Store, **found: Discovered | None) -> None:
    store.scope.save_discovery(found, at=NOW, fingerprint="x")


def test_a_new_store_has_an_empty_scope(store: Store) -> None:
    assert paths(store) == ([], [])
    assert store.scope.discovered() == (None, None)
    assert store.scope.polled() is None


def test_discovery_puts_what_it_found_in_scope_ordered_by_path(store: Store) -> None:
    save_discovery(store, group=GROUP, single=SINGLE)
    assert paths(store) == (["side/web", "top/app", "top/sub/api"], ["top", "top/sub"])


def test_discovery_replaces_what_an_entry_stood_for(store: Store) -> None:
    save_discovery(store, group=GROUP, single=SINGLE)
    save_discovery(store, group=Discovered({APP: "top/app"}, {TOP: "top"}), single=SINGLE)
    assert paths(store) == (["side/web", "top/app"], ["top"])


def test_an_entry_that_gitlab_could_not_answer_stands_for_what_it_did(store: Store) -> None:
    save_discovery(store, group=GROUP, single=SINGLE)
    save_discovery(store, group=None, single=Discovered({}, {}))
    assert paths(store) == (["top/app", "top/sub/api"], ["top", "top/sub"])


def test_an_entry_that_gitlab_answered_in_part_loses_nothing(store: Store) -> None:
    save_discovery(store, group=GROUP)
    save_discovery(store, group=Discovered({WEB: "top/web"}, {}, whole=False))
    assert paths(store) == (["top/app", "top/sub/api", "top/web"], ["top", "top/sub"])


def test_an_entry_that_was_never_answered_stands_for_nothing(store: Store) -> None:
    save_discovery(store, group=None)
    assert paths(store) == ([], [])


def test_an_entry_that_is_not_named_leaves_the_scope(store: Store) -> None:
    save_discovery(store, group=GROUP, single=SINGLE)
    save_discovery(store, single=None)
    assert paths(store) == (["side/web"], [])
    save_discovery(store)
    assert paths(store) == ([], [])


def test_what_two_entries_name_stays_until_both_are_gone(store: Store) -> None:
    save_discovery(store, group=GROUP, single=Discovered({APP: "top/app"}, {}))
    assert paths(store)[0] == ["top/app", "top/sub/api"]
    save_discovery(store, single=None)
    assert paths(store) == (["top/app"], [])


def test_a_project_that_moved_is_known_by_its_new_path(store: Store) -> None:
    discover(store, {APP: "top/app"})
    discover(store, {APP: "side/app"})
    assert paths(store)[0] == ["side/app"]
    store.scope.rename_project(APP, "side/renamed")
    assert paths(store)[0] == ["side/renamed"]


def test_a_project_that_comes_back_is_known_as_it_was(store: Store) -> None:
    discover(store, {APP: "top/app"})
    save(store, [seen(1, 5)], covered_since=3)
    store.scope.save_poll(9, [APP])
    save_discovery(store)
    discover(store, {APP: "top/app"})
    assert store.scope.load().projects == (Project(APP, "top/app", 3, 9, complete=True),)


def test_a_new_project_is_not_covered_yet(store: Store) -> None:
    discover(store)
    assert store.scope.load().projects == (Project(APP, "top/app"),)


def test_discovery_remembers_when_and_for_what_it_looked(store: Store) -> None:
    store.scope.save_discovery({}, at=7, fingerprint="one")
    assert store.scope.discovered() == (7, "one")
    store.scope.save_discovery({}, at=8, fingerprint="other")
    assert store.scope.discovered() == (8, "other")


def test_discovery_that_looked_for_a_part_does_not_count_as_one(store: Store) -> None:
    store.scope.save_discovery({}, at=7, fingerprint="one")
    store.scope.save_discovery({"single": SINGLE}, at=None, fingerprint="other")
    assert store.scope.discovered() == (7, "other")


def test_tells_of_which_entries_it_is_known_what_they_stand_for(store: Store) -> None:
    save_discovery(store, group=GROUP, single=SINGLE, empty=Discovered({}, {}), unknown=None)
    assert store.scope.sources() == {"group", "single", "empty"}


def test_remembers_the_last_complete_poll(store: Store) -> None:
    discover(store, {APP: "top/app", WEB: "side/web"})
    store.scope.save_poll(7, [APP, WEB])
    store.scope.save_poll(8, [APP])
    assert store.scope.polled() == 8
    assert {one.id: one.polled_at for one in store.scope.load().projects} == {APP: 8, WEB: 7}


def test_the_groups_above_a_project_are_nested_and_of_any_case(store: Store) -> None:
    discover(
        store,
        {APP: "Top/Sub/app", WEB: "topmost/web"},
        {TOP: "top", SUB: "top/SUB", SIDE: "side"},
    )
    scope = store.scope.load()
    by_id = {one.id: one for one in scope.projects}
    assert set(scope.groups_above(by_id[APP])) == {Group(TOP, "top"), Group(SUB, "top/SUB")}
    assert scope.groups_above(by_id[WEB]) == ()
    assert {one.id: one.level for one in scope.groups} == {TOP: 0, SUB: 1, SIDE: 0}


# Counters of groups that come into scope.


def counters(store: Store, kind: str) -> dict[tuple[int, str], int]:
    return {
        (number, tier): total
        for (one, number, tier), total in store.history.counters().items()
        if one == kind
    }


def test_a_group_found_later_starts_with_the_sum_of_its_projects(store: Store) -> None:
    projects = {APP: "Top/app", API: "top/sub/api", WEB: "topmost/web"}
    discover(store, projects)
    for number, (project, name) in enumerate([(APP, PROD), (API, 103), (WEB, 104)]):
        deployments = [seen(10 * number, 1, name), seen(10 * number + 1, 2, name)]
        at = [environment(name, project=project)]
        save(store, deployments, at, project=project, tiers={name: "production"})
    save(store, [seen(99, 3, STAGE)], [environment(STAGE)])
    discover(store, projects, {TOP: "top", SUB: "top/sub", SIDE: "side"})
    assert counters(store, "group") == {
        (TOP, "production"): 4,
        (TOP, "staging"): 1,
        (SUB, "production"): 2,
    }


@pytest.mark.parametrize("group", ["to_", "t%", "app", "top/ap"])
def test_a_group_starts_with_its_own_projects_only(store: Store, group: str) -> None:
    discover(store, {APP: "top/app"})
    save(store, [seen(1, 1)])
    discover(store, {APP: "top/app"}, {TOP: group})
    assert counters(store, "group") == {}


def test_projects_out_of_scope_add_nothing_to_a_new_group(store: Store) -> None:
    discover(store, {APP: "top/app"})
    save(store, [seen(1, 1)])
    discover(store, {API: "top/api"}, {TOP: "top"})
    assert counters(store, "group") == {}


def test_looking_again_does_not_count_a_group_again(store: Store) -> None:
    for _ in range(2):
        discover(store, {APP: "top/app"}, {TOP: "top"})
        save(store, [seen(1, 1)], groups=[TOP])
    assert counters(store, "group") == {(TOP, "production"): 1}


def test_a_group_keeps_its_count_when_a_project_leaves_it(store: Store) -> None:
    discover(store, {APP: "top/app", API: "top/api"}, {TOP: "top"})
    save(store, [seen(1, 1)], groups=[TOP])
    discover(store, {APP: "side/app", API: "top/api"}, {TOP: "top", SIDE: "side"})
    assert counters(store, "group") == {(TOP, "production"): 1, (SIDE, "production"): 1}
    save(store, [seen(2, 2)], groups=[SIDE])
    assert counters(store, "group") == {(TOP, "production"): 1, (SIDE, "production"): 2}


def test_a_group_that_comes_back_goes_on_from_its_old_count(store: Store) -> None:
    discover(store, {APP: "top/app"}, {TOP: "top"})
    save(store, [seen(1, 1)], groups=[TOP])
    discover(store, {APP: "top/app"})
    discover(store, {APP: "top/app"}, {TOP: "top"})
    assert counters(store, "group") == {(TOP, "production"): 1}
