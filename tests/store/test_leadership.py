"""One of several exporters on a PostgreSQL leads; only it may write."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

import pytest

from exporter.store import Store, Told
from exporter.store.leadership import LostLeadError
from tests.postgres import Server, cut_every_connection
from tests.waiting import wait_until


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.create_database()


@pytest.fixture
def stores(url: str) -> Iterator[list[Store]]:
    """Three exporters on one database."""
    with ExitStack() as stack:
        yield [stack.enter_context(Store.open(url)) for _ in range(3)]


def test_one_leads_and_keeps_the_lead(stores: list[Store]) -> None:
    for _ in range(3):
        assert [one.leadership.hold() for one in stores] == [True, False, False]
    assert [one.leadership.leads for one in stores] == [True, False, False]


def test_the_lead_passes_on_when_it_is_given_up(stores: list[Store]) -> None:
    first, second, third = stores
    assert first.leadership.hold()
    first.close()
    assert [one.leadership.hold() for one in (third, second)] == [True, False]


def test_of_many_that_ask_at_once_one_leads(url: str) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: stack.enter_context(Store.open(url)), range(8)))
        assert sum(pool.map(lambda one: one.leadership.hold(), opened)) == 1


def test_a_leader_that_lost_its_connection_writes_nothing_any_more(
    url: str, stores: list[Store]
) -> None:
    old, new, _ = stores
    assert old.leadership.hold()
    old.scope.save_discovery({}, at=1, fingerprint="old")
    cut_every_connection(url)
    assert new.leadership.hold()
    with pytest.raises(LostLeadError, match="another exporter leads"):
        old.scope.save_discovery({}, at=2, fingerprint="old")
    new.scope.save_discovery({}, at=3, fingerprint="new")
    assert old.scope.discovered() == (3, "new")
    assert not old.leadership.hold()
    new.close()
    assert old.leadership.hold()
    old.scope.save_discovery({}, at=4, fingerprint="old")
    assert old.scope.discovered() == (4, "old")


def test_a_leader_whose_connection_broke_takes_the_lead_again(
    url: str, stores: list[Store]
) -> None:
    leader = stores[0]
    assert leader.leadership.hold()
    cut_every_connection(url)
    assert leader.leadership.hold()
    leader.scope.save_discovery({}, at=1, fingerprint="again")


def test_the_exporter_of_a_file_always_leads(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path / 'dora.db'}") as store:
        assert store.leadership.leads
        assert store.leadership.hold()


def test_exporters_that_start_together_migrate_one_after_the_other(url: str) -> None:
    with ThreadPoolExecutor(6) as pool, ExitStack() as stack:
        for opened in [pool.submit(Store.open, url) for _ in range(6)]:
            assert stack.enter_context(opened.result()).scope.load().projects == ()


def test_a_leader_that_resigned_needs_no_time_to_notice(stores: list[Store]) -> None:
    first, second, third = stores
    assert first.leadership.hold()
    assert first.leadership.orderly  # there was none before
    first.leadership.resign()
    assert second.leadership.hold()
    assert second.leadership.orderly
    assert (first.leadership.term, second.leadership.term) == (1, 2)
    assert not third.leadership.hold()


def test_a_leader_that_was_cut_off_may_not_have_noticed(url: str, stores: list[Store]) -> None:
    first, second, _ = stores
    assert first.leadership.hold()
    cut_every_connection(url)
    assert second.leadership.hold()
    assert [one.leadership.orderly for one in (first, second)] == [True, False]
    cut_every_connection(url)
    assert second.leadership.hold()
    assert [one.leadership.orderly for one in (first, second)] == [True, True]  # nobody between
    first.leadership.resign()
    assert second.leadership.hold()


def test_a_leader_learns_of_another_term_though_its_connection_stands(
    stores: list[Store],
) -> None:
    """As behind a pooler that gives one session to several exporters."""
    first, second, _ = stores
    assert first.leadership.hold()
    term = second.leadership._begin_term()
    assert first.leadership.hold()
    assert (first.leadership.term, term) == (3, 2)


def test_who_does_not_lead_may_pass_events_on(stores: list[Store], url: str) -> None:
    first, second, _ = stores
    assert first.leadership.hold()
    cut_every_connection(url)
    assert second.leadership.hold()
    first.events.tell([Told(1, 2, "production")], at=1)
    assert second.events.waiting() == {Told(1, 2, "production"): 1}


def test_reads_of_one_state_see_no_later_write(stores: list[Store]) -> None:
    reader, writer, _ = stores
    with reader.one_state():
        assert reader.scope.discovered() == (None, None)
        writer.scope.save_discovery({}, at=1, fingerprint="x")
        assert reader.scope.discovered() == (None, None)
    assert reader.scope.discovered() == (1, "x")


def test_a_term_that_cannot_begin_keeps_nobody_from_leading(stores: list[Store]) -> None:
    first, second, _ = stores
    with (
        patch.object(first.leadership, "_begin_term", side_effect=OSError("no space")),
        pytest.raises(OSError, match="no space"),
    ):
        first.leadership.hold()
    wait_until(second.leadership.hold)
    assert not first.leadership.hold()
