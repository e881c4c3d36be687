"""Events on their way to the exporter that polls."""

from exporter.store import Store, Told

DEPLOYED = Told(1, 77, "production")
UNKNOWN = Told(1, None, None)


def test_events_wait_until_they_are_forgotten(store: Store) -> None:
    store.events.tell([DEPLOYED, UNKNOWN], at=5)
    assert store.events.waiting() == {DEPLOYED: 5, UNKNOWN: 5}
    store.events.forget({DEPLOYED: 5})
    assert store.events.waiting() == {UNKNOWN: 5}


def test_the_same_again_is_one_event(store: Store) -> None:
    store.events.tell([DEPLOYED], at=5)
    store.events.tell([DEPLOYED], at=6)
    assert store.events.waiting() == {DEPLOYED: 6}


def test_what_was_told_again_meanwhile_stays(store: Store) -> None:
    store.events.tell([UNKNOWN], at=5)
    before = store.events.waiting()
    store.events.tell([UNKNOWN], at=6)
    store.events.forget(before)
    assert store.events.waiting() == {UNKNOWN: 6}
