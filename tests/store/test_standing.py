"""What the exporter that polls tells the others."""

from exporter.store import Standing, Store, schema


def test_nothing_is_told_before_the_first_poll(store: Store) -> None:
    assert (store.standing.issue(), store.standing.load()) == (0, Standing())


def test_the_last_is_told_and_each_has_a_number(store: Store) -> None:
    store.standing.begin(5)
    store.standing.publish(Standing(up=False, seconds=None, failing={3, 1}))
    first = store.standing.issue()
    assert store.standing.load() == Standing(5, up=False, seconds=None, failing=[1, 3])
    store.standing.begin(9)
    assert store.standing.publish(Standing(up=True, seconds=1.25)) == store.standing.issue()
    assert store.standing.issue() > first
    assert store.standing.load() == Standing(9, up=True, seconds=1.25, failing=[])


def test_a_begin_that_an_older_version_told_at_the_end_of_its_poll_counts(store: Store) -> None:
    told = '{"began": 7, "up": true, "seconds": 1.5, "failing": [2]}'
    with store._database.writing() as connection:
        connection.execute(
            schema.state.insert().values([{"key": "standing", "value": told}]),
        )
    assert store.standing.load() == Standing(7, up=True, seconds=1.5, failing=[2])
    store.standing.begin(5)
    assert store.standing.load().began == 7
    store.standing.begin(9)
    assert store.standing.load().began == 9
