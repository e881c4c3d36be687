"""What the exporter that polls tells the others."""

from exporter.store import Standing, Store


def test_nothing_is_told_before_the_first_poll(store: Store) -> None:
    assert (store.standing.issue(), store.standing.load()) == (0, Standing())


def test_the_last_is_told_and_each_has_a_number(store: Store) -> None:
    store.standing.publish(Standing(began=5, up=False, seconds=None, failing={3, 1}))
    first = store.standing.issue()
    assert store.standing.load() == Standing(5, up=False, seconds=None, failing=[1, 3])
    assert store.standing.publish(Standing(9, up=True, seconds=1.25)) == store.standing.issue()
    assert store.standing.issue() > first
    assert store.standing.load() == Standing(9, up=True, seconds=1.25, failing=[])
