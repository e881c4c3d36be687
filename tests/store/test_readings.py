from dataclasses import replace
from random import Random

import pytest

from exporter.dora.arithmetic import first_deployments
from exporter.store import ProjectState, SeenDeployment, Store
from tests.store.facts import (
    API,
    APP,
    DAY,
    NOW,
    PROD,
    SIDE,
    STAGE,
    TOP,
    change,
    discover,
    environment,
    ids,
    link,
    linked_to,
    polled,
    save,
    seen,
    stored,
)


def counted(store: Store) -> dict[tuple[str, int, str], int]:
    return store.history.counters()


def firsts(store: Store) -> set[int]:
    return {one.id for one in stored(store) if one.first}


@pytest.fixture(autouse=True)
def _in_scope(store: Store) -> None:
    discover(store, {APP: "top/app", API: "top/api"})
    polled(store)


# How far a project was read.


@pytest.mark.parametrize("project", [APP, 999])
def test_nothing_is_known_of_a_project_never_read(store: Store, project: int) -> None:
    assert store.readings.state(project) == ProjectState()


def test_tells_how_far_a_project_was_read(store: Store) -> None:
    here = [environment(oldest=1), environment(STAGE, name="Staging", tier=None)]
    save(store, [seen(5, 5)], here, at=7, covered_since=3, complete=False)
    assert store.readings.state(APP) == ProjectState(7, 3, False, {one.id: one for one in here})
    assert store.readings.state(API) == ProjectState()


def test_tells_which_deployments_are_new(store: Store) -> None:
    save(store, [seen(5, 5)])
    assert store.readings.unknown([4, 5, 6]) == {4, 6}
    assert store.readings.unknown([]) == set()


def test_asks_for_more_ids_than_one_statement_takes(store: Store) -> None:
    save(store, [seen(5, 5)])
    assert store.readings.unknown(range(1, 80_001)) == set(range(1, 80_001)) - {5}


def test_tells_which_deployments_are_not_in_the_numbers(store: Store) -> None:
    """Those that are not stored, or finished after the last complete poll of their project."""
    save(store, [seen(5, NOW), seen(6, NOW + 1)])
    save(store, [seen(7, NOW, STAGE)], [environment(STAGE, project=API)], project=API)
    assert store.readings.unshown([4, 5, 6, 7]) == {4, 6, 7}
    store.scope.save_poll(NOW + 1, [API])
    assert store.readings.unshown([4, 5, 6, 7]) == {4, 6}
    store.scope.save_poll(NOW + 1, [APP])
    assert store.readings.unshown(range(1, 20_001)) == set(range(1, 20_001)) - {5, 6, 7}
    assert store.readings.unshown([]) == set()


def test_remembers_when_all_environments_were_read(store: Store) -> None:
    save(store, everything=True, at=7)
    save(store, everything=False, at=8)
    assert store.readings.environments_read_at() == {APP: 7, API: None}
    store.readings.save_environments(APP, [environment()], at=9)
    assert store.readings.environments_read_at() == {APP: 9, API: None}


# Environments.


def test_an_environment_takes_its_new_name_and_tier(store: Store) -> None:
    save(store, environments=[environment()])
    renamed = environment(name="live", tier="other", oldest=4)
    save(store, environments=[renamed])
    assert store.readings.state(APP).environments == {PROD: renamed}


def test_the_oldest_deployment_once_known_stays_known(store: Store) -> None:
    save(store, environments=[environment(oldest=4)])
    save(store, environments=[environment(oldest=None)])
    assert store.readings.state(APP).environments[PROD].oldest_deployment_id == 4


def test_an_environment_that_is_not_listed_any_more_stays_in_history(store: Store) -> None:
    save(store, [seen(1, 1)], [environment(), environment(STAGE)], everything=True)
    store.readings.save_environments(APP, [environment(STAGE)], at=NOW)
    assert {one.id for one in store.history.environments([APP])[APP]} == {PROD, STAGE}
    assert ids(stored(store)) == [1]


def test_a_project_may_list_more_environments_than_a_statement_takes(store: Store) -> None:
    many = [environment(number, name=f"review/{number}") for number in range(1, 40_001)]
    save(store, environments=many, everything=True)
    save(store, environments=many[1:], everything=True)
    assert len(store.readings.state(APP).environments) == 40_000


# Counting.


def test_new_deployments_are_counted_by_tier(store: Store) -> None:
    both = [environment(), environment(STAGE)]
    assert save(store, [seen(1, 1), seen(2, 2), seen(3, 3, STAGE)], both, groups=[TOP]) == 3
    assert counted(store) == {
        ("project", APP, "production"): 2,
        ("project", APP, "staging"): 1,
        ("group", TOP, "production"): 2,
        ("group", TOP, "staging"): 1,
    }


def test_saving_again_stores_and_counts_nothing_twice(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 2)], groups=[TOP])
    link(store, {1: [7]})
    assert save(store, [seen(1, 1), seen(2, 2), seen(3, 3)], groups=[TOP]) == 1
    assert counted(store) == {("project", APP, "production"): 3, ("group", TOP, "production"): 3}
    assert linked_to(stored(store)) == {1: {7}, 2: set(), 3: set()}
    assert save(store, [seen(3, 3), seen(2, 2), seen(1, 1)], groups=[TOP]) == 0
    assert counted(store) == {("project", APP, "production"): 3, ("group", TOP, "production"): 3}


def test_the_same_deployment_twice_in_a_reading_is_one(store: Store) -> None:
    assert save(store, [seen(1, 1), seen(1, 1)]) == 1
    assert counted(store) == {("project", APP, "production"): 1}


def test_a_deployment_that_is_stored_stays_as_it_is(store: Store) -> None:
    save(store, [seen(1, 5)])
    save(store, [seen(1, 9)])
    assert [one.finished_at for one in stored(store)] == [5]


def test_a_new_tier_counts_from_now_on_and_takes_nothing_away(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 2)])
    save(store, [seen(2, 2), seen(3, 3)], tiers={PROD: "other"})
    assert counted(store) == {("project", APP, "production"): 2, ("project", APP, "other"): 1}


def test_a_project_that_left_a_group_counts_there_no_more(store: Store) -> None:
    save(store, [seen(1, 1)], groups=[TOP])
    save(store, [seen(2, 2)], groups=[SIDE])
    assert counted(store) == {
        ("project", APP, "production"): 2,
        ("group", TOP, "production"): 1,
        ("group", SIDE, "production"): 1,
    }


def test_projects_of_a_group_add_up_in_it(store: Store) -> None:
    save(store, [seen(1, 1)], groups=[TOP])
    elsewhere = [environment(103, project=API)]
    tiers = {103: "production"}
    save(store, [seen(2, 2, 103)], elsewhere, project=API, tiers=tiers, groups=[TOP])
    assert counted(store)["group", TOP, "production"] == 2


def test_a_first_reading_may_be_long(store: Store) -> None:
    assert save(store, [seen(number, number) for number in range(1, 40_001)]) == 40_000
    assert counted(store) == {("project", APP, "production"): 40_000}
    assert firsts(store) == {1}


# First deployments.


def test_the_first_deployment_of_each_environment_is_marked(store: Store) -> None:
    both = [environment(), environment(STAGE)]
    save(store, [seen(1, 1), seen(2, 2, STAGE), seen(3, 3), seen(4, 4, STAGE)], both)
    assert firsts(store) == {1, 2}


def test_none_is_first_where_older_ones_are_not_stored(store: Store) -> None:
    save(store, [seen(5, 5), seen(6, 6)], [environment(oldest=2)])
    assert firsts(store) == set()


def test_a_deployment_overtaken_by_a_later_one_leaves_both_first(store: Store) -> None:
    save(store, [seen(5, 30)])
    save(store, [seen(3, 50)], [environment(oldest=3)])
    assert firsts(store) == {3, 5}
    save(store, [seen(8, 80)])
    assert firsts(store) == {3, 5}


def test_an_older_deployment_found_later_takes_the_mark(store: Store) -> None:
    save(store, [seen(5, 30), seen(6, 40)])
    save(store, [seen(3, 10)])
    assert firsts(store) == {3}


def test_word_of_an_older_deployment_takes_the_mark(store: Store) -> None:
    save(store, [seen(5, 30)])
    save(store, [seen(6, 40)], [environment(oldest=2)])
    assert firsts(store) == set()


# Finish times that were guessed.


def test_tells_which_finish_times_are_guesses(store: Store) -> None:
    sources = ["deployment", "job", "updated_at", "created_at", "unconfirmed"]
    made = [
        replace(seen(number, number), finish_source=source) for number, source in enumerate(sources)
    ]
    save(store, made)
    guessed = sorted(store.readings.guessed(APP), key=lambda one: one.id)
    assert guessed == made[1:4]
    assert store.readings.guessed(API) == []


def corrected(number: int, at: int) -> SeenDeployment:
    return replace(seen(number, at), finish_source="deployment")


def test_a_correction_moves_a_deployment_and_counts_nothing(store: Store) -> None:
    save(store, [replace(seen(1, 5), finish_source="job")])
    link(store, {1: [7]})
    save(store, corrected=[corrected(1, 9)])
    (one,) = stored(store)
    assert (one.finished_at, {change.iid for change in one.merge_requests}) == (9, {7})
    assert counted(store) == {("project", APP, "production"): 1}
    assert store.readings.guessed(APP) == []


def test_a_correction_decides_again_which_deployments_are_first(store: Store) -> None:
    save(store, [seen(1, 10), seen(2, 20), seen(3, 30)])
    assert firsts(store) == {1}
    save(store, corrected=[corrected(1, 25)])
    assert firsts(store) == {1, 2}
    save(store, corrected=[corrected(1, 5)])
    assert firsts(store) == {1}


# Forgetting.


def test_pruning_forgets_what_finished_before(store: Store) -> None:
    save(store, [seen(1, 9), seen(2, 10), seen(3, 11)])
    assert store.readings.prune(10) == 1
    assert ids(stored(store)) == [2, 3]
    assert store.readings.prune(10) == 0


def test_pruning_keeps_the_counters(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 20)], groups=[TOP])
    before = counted(store)
    store.readings.prune(DAY)
    assert stored(store) == []
    assert counted(store) == before
    save(store, [seen(3, 2 * DAY)], groups=[TOP])
    assert counted(store) == {kind: total + 1 for kind, total in before.items()}


def test_pruning_moves_where_the_history_begins(store: Store) -> None:
    save(store, [seen(1, 5), seen(2, 20)], covered_since=3)
    elsewhere = [environment(103, project=API)]
    save(store, [], elsewhere, project=API, covered_since=15)
    store.readings.prune(10)
    found = {one.id: (one.covered_since, one.complete) for one in store.scope.load().projects}
    assert found == {APP: (10, False), API: (15, True)}


def test_a_project_that_loses_nothing_stays_complete(store: Store) -> None:
    save(store, [seen(1, 10)], covered_since=3)
    assert store.readings.prune(10) == 0
    (_, app) = store.scope.load().projects
    assert (app.covered_since, app.complete) == (10, True)


def test_a_project_never_read_is_not_covered_by_pruning(store: Store) -> None:
    store.readings.prune(10)
    assert {one.covered_since for one in store.scope.load().projects} == {None}


def test_pruning_keeps_merge_requests_that_are_linked_elsewhere(store: Store) -> None:
    save(store, [seen(1, 1), seen(2, 20, STAGE)], [environment(), environment(STAGE)])
    link(store, {1: [7, 8], 2: [7]})
    store.readings.prune(10)
    assert linked_to(stored(store)) == {2: {7}}


def test_pruning_a_project_leaves_the_merge_requests_of_others(store: Store) -> None:
    elsewhere = [environment(103, project=API)]
    save(store, [seen(1, 1)])
    save(store, [seen(2, 20, 103)], elsewhere, project=API, tiers={103: "production"})
    link(store, {1: [7]})
    store.links.save(API, {2: [change(7, 4)]}, at=NOW)
    store.scope.save_poll(NOW, [APP, API])
    store.readings.prune(10)
    assert linked_to(stored(store, API)) == {2: {7}}


@pytest.mark.parametrize("before", [10, 25], ids=["pruned in part", "pruned whole"])
@pytest.mark.parametrize("oldest", [None, 1])
def test_what_follows_a_pruned_first_deployment_is_not_first(
    store: Store, oldest: int | None, before: int
) -> None:
    save(store, [seen(1, 1), seen(2, 20)], [environment(oldest=oldest)])
    store.readings.prune(before)
    save(store, [seen(3, 30)], [environment(oldest=oldest)])
    assert firsts(store) == set()


def test_pruning_gives_no_mark_back(store: Store) -> None:
    # 2 finished before 3 and so kept it from being first; 1 is overtaken by both.
    save(store, [seen(1, 30), seen(2, 1), seen(3, 20)])
    assert firsts(store) == {1, 2}
    store.readings.prune(10)
    save(store, [seen(4, 40)])
    assert firsts(store) == {1}


@pytest.mark.parametrize("seed", range(20))
def test_marks_the_same_firsts_in_whatever_pieces_deployments_come(store: Store, seed: int) -> None:
    random = Random(seed)
    several = [seen(number, random.randint(1, 12)) for number in range(1, 9)]
    discover(store)
    left = random.sample(several, len(several))
    while left:
        number = random.randint(1, 3)
        save(store, left[:number])
        del left[:number]
    expected = first_deployments([(one.id, one.finished_at) for one in several], None)
    assert {one.id for one in stored(store) if one.first} == expected
