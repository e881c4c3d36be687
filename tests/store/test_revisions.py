"""What changed since when."""

from concurrent.futures import ThreadPoolExecutor

from exporter.store import Store
from tests.store.facts import API, APP, DAY, WEB, discover, environment, link, save, seen

PATHS = {APP: "top/app", API: "top/api", WEB: "top/web"}


def filled(store: Store) -> int:
    """Fill a store with a deployment in each of two projects; return the revision after that."""
    discover(store, PATHS)
    save(store, [seen(1, 5 * DAY)])
    save(store, [seen(2, DAY, 201)], [environment(201, project=API)], project=API, tiers={201: ""})
    return store.revisions.since(0)[0]


def test_an_empty_store_has_nothing_new(store: Store) -> None:
    assert store.revisions.since(0) == (0, set())
    discover(store, PATHS)
    assert store.revisions.since(0) == (0, set())


def test_new_deployments_and_merge_requests_change_their_project(store: Store) -> None:
    before = filled(store)
    assert store.revisions.since(0) == (before, {APP, API})
    assert store.revisions.since(before) == (before, set())
    link(store, {1: [7]})
    after, changed = store.revisions.since(before)
    assert (after > before, changed) == (True, {APP})
    assert store.revisions.since(after) == (after, set())


def test_a_poll_that_brings_nothing_new_changes_nothing(store: Store) -> None:
    before = filled(store)
    save(store, [seen(1, 5 * DAY)], at=9 * DAY)
    store.scope.save_poll(9 * DAY, list(PATHS))
    discover(store, PATHS)
    assert store.revisions.since(before) == (before, set())


def test_a_better_finish_changes_its_project(store: Store) -> None:
    before = filled(store)
    save(store, corrected=[seen(1, 6 * DAY)])
    assert store.revisions.since(before)[1] == {APP}


def test_retention_changes_the_projects_that_lose_something(store: Store) -> None:
    before = filled(store)
    store.readings.prune(2 * DAY)
    assert store.revisions.since(before)[1] == {API}
    before = store.revisions.since(0)[0]
    store.readings.prune(2 * DAY)
    assert store.revisions.since(before) == (before, set())


def test_who_follows_while_others_write_misses_nothing(store: Store) -> None:
    filled(store)
    known: set[int] = set()
    revision = store.revisions.since(0)[0]
    projects = range(1000, 1040)
    discover(store, {**PATHS, **{one: f"top/{one}" for one in projects}})

    def write(project: int) -> None:
        at = environment(project, project=project)
        save(store, [seen(project, 1, project)], [at], project=project, tiers={project: "testing"})

    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write, one) for one in projects]
        while not all(one.done() for one in writing):
            revision, changed = store.revisions.since(revision)
            known |= changed
    assert known | store.revisions.since(revision)[1] == set(projects)
