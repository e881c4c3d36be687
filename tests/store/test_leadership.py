"""One of several exporters on a PostgreSQL leads; only it may write."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from exporter.store import Store
from exporter.store.leadership import LostLeadError
from tests.postgres import Server


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.create_database()


@pytest.fixture
def stores(url: str) -> Iterator[list[Store]]:
    """Three exporters on one database."""
    with ExitStack() as stack:
        yield [stack.enter_context(Store.open(url)) for _ in range(3)]


def cut_every_connection(url: str) -> None:
    """Do as a server does that restarts."""
    parts = make_url(url)
    with psycopg.connect(
        host=str(parts.query["host"]),
        user=parts.username,
        password=parts.password,
        dbname=parts.database,
        autocommit=True,
    ) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


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
