import subprocess
import sys
from contextlib import closing
from pathlib import Path
from sqlite3 import OperationalError, connect
from textwrap import dedent
from threading import Event, Thread

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, inspect, select, text, update

from exporter.store import Store, StoreError, schema
from exporter.store.engine import MIGRATIONS, open_database
from tests.postgres import PASSWORD, Server
from tests.store.facts import (
    APP,
    TOP,
    change,
    discover,
    ids,
    link,
    linked_to,
    polled,
    save,
    seen,
    stored,
)

TOTAL = {("project", APP, "production"): 2, ("group", TOP, "production"): 2}


def filled(url: str) -> None:
    """Fill a new store with two deployments and one merge request."""
    with Store.open(url) as store:
        discover(store, {APP: "top/app"}, {TOP: "top"})
        save(store, [seen(1, 1), seen(2, 2)], groups=[TOP])
        link(store, {2: [7]})
        polled(store)


def check_filled(store: Store) -> None:
    """Check that a store holds just that."""
    assert linked_to(stored(store)) == {1: set(), 2: {7}}
    assert store.history.counters() == TOTAL


# The schema.


def test_the_migrations_make_the_schema_that_the_tables_describe(store_url: str) -> None:
    with closing(open_database(store_url)) as database, database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []
        assert set(inspect(connection).get_table_names()) == {
            "alembic_version",
            *schema.metadata.tables,
        }


def test_migrations_are_numbered_in_order() -> None:
    names = sorted(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


def test_a_schema_written_by_a_newer_version_is_refused(store_url: str) -> None:
    filled(store_url)
    with closing(open_database(store_url)) as database, database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"store\.url.*9999.*newer version") as refused:
        Store.open(store_url)
    assert PASSWORD not in str(refused.value)


def test_opening_again_keeps_everything(store_url: str) -> None:
    filled(store_url)
    for _ in range(2):
        with Store.open(store_url) as store:
            check_filled(store)


# What cannot be opened.


def refusal(url: str) -> str:
    with pytest.raises(StoreError) as refused:
        Store.open(url)
    assert refused.value.__cause__ is None
    return str(refused.value)


def test_a_path_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "dora.db"
    message = refusal(f"sqlite:///{path}")
    assert message.startswith("store.url: cannot open")
    assert str(path) in message


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert "cannot open" in refusal(f"sqlite:///{tmp_path}")


def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database\n" * 100)
    assert "not a database" in refusal(f"sqlite:///{path}")
    assert path.read_text() == "no database\n" * 100


def test_a_bad_password_is_refused_and_not_shown(postgres: Server) -> None:
    message = refusal(postgres.url("postgres", password="wrong-and-secret"))
    assert message.startswith("store.url: cannot open postgresql+psycopg://dora:***@")
    assert "password authentication failed" in message
    assert "wrong-and-secret" not in message


def test_a_missing_database_is_refused_without_the_password(postgres: Server) -> None:
    message = refusal(postgres.url("nowhere"))
    assert "nowhere" in message
    assert PASSWORD not in message


@pytest.mark.parametrize("url", ["dora.db", "", "postgresql+psycopg//u:hidden@h/d"])
def test_what_is_no_url_is_refused_and_not_shown(url: str) -> None:
    message = refusal(url)
    assert message.startswith("store.url: ")
    assert "hidden" not in message


@pytest.mark.parametrize("scheme", ["mysql+nosuchdriver", "nosuchdatabase", "postgresql+asyncpg"])
def test_a_database_without_a_driver_is_refused(scheme: str) -> None:
    message = refusal(f"{scheme}://u:hidden@h/d")
    assert message.startswith("store.url: ")
    assert "hidden" not in message


# Readers and writers at the same time.


def test_an_error_undoes_the_whole_write(store_url: str) -> None:
    filled(store_url)
    with Store.open(store_url) as store:
        with pytest.raises(KeyError):
            save(store, [seen(3, 3)], tiers={}, groups=[TOP])
        check_filled(store)
        assert save(store, [seen(3, 3)]) == 1


def test_readers_go_on_while_a_write_is_open(store_url: str) -> None:
    filled(store_url)
    deployments = schema.deployments
    with Store.open(store_url) as store, closing(open_database(store_url)) as database:
        with database.writing() as connection:
            connection.execute(update(deployments).values(finished_at=50))
            check_filled(store)
            assert [one.finished_at for one in stored(store)] == [1, 2]
        assert [one.finished_at for one in stored(store)] == [50, 50]


def test_a_reader_sees_one_state_throughout(store_url: str) -> None:
    filled(store_url)
    count = select(func.count()).select_from(schema.deployments)
    with Store.open(store_url) as store, closing(open_database(store_url)) as database:
        with database.reading() as connection:
            before = connection.execute(count).scalar_one()
            save(store, [seen(3, 3)])
            assert connection.execute(count).scalar_one() == before
        with database.reading() as connection:
            assert connection.execute(count).scalar_one() == before + 1


def test_a_write_keeps_other_processes_out_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "dora.db"
    with (
        closing(open_database(f"sqlite:///{path}")) as database,
        database.writing(),
        closing(connect(path, timeout=0)) as other,
        pytest.raises(OperationalError, match="locked"),
    ):
        other.execute("BEGIN IMMEDIATE")


def test_readers_see_each_write_as_a_whole(store_url: str) -> None:
    filled(store_url)
    odd, even = {1, 3, 5, 7, 9}, {2, 4, 6, 8}
    written = Event()
    torn: list[set[int]] = []

    def read(store: Store) -> None:
        while not written.is_set():
            found = linked_to(stored(store))[2]
            if found not in ({7}, odd, even):
                torn.append(found)

    with Store.open(store_url) as store:
        readers = [Thread(target=read, args=[store]) for _ in range(4)]
        for reader in readers:
            reader.start()
        for turn in range(60):
            link(store, {2: odd if turn % 2 else even})
        written.set()
        for reader in readers:
            reader.join()
        assert torn == []
        assert linked_to(stored(store))[2] == odd


def test_writers_of_many_threads_lose_no_count(store_url: str) -> None:
    filled(store_url)
    with Store.open(store_url) as store:

        def write(worker: int) -> None:
            for turn in range(10):
                number = 10 + 10 * worker + turn
                save(store, [seen(number, number)], groups=[TOP])

        writers = [Thread(target=write, args=[worker]) for worker in range(6)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert store.history.counters() == {key: total + 60 for key, total in TOTAL.items()}
        assert len(stored(store)) == 62


# Killed writers.

KILLED_WHILE_SAVING = dedent(
    """
    import sys
    from exporter.store import Store, counting
    from tests.store.facts import TOP, save, seen

    def stop(*_):
        print("in the middle", flush=True)
        sys.stdin.read()

    counting.count = stop
    with Store.open(sys.argv[1]) as store:
        save(store, [seen(number, number) for number in range(1, 20_001)], groups=[TOP])
    """
)
KILLED_WHILE_LINKING = dedent(
    """
    import sys
    from exporter.store import Store, links
    from tests.store.facts import link

    def stop(connection, table, *rest, **named):
        upsert(connection, table, *rest, **named)
        print("in the middle", flush=True)
        sys.stdin.read()

    upsert, links.upsert = links.upsert, stop
    with Store.open(sys.argv[1]) as store:
        link(store, {2: range(1, 20_001)})
    """
)


@pytest.mark.parametrize("program", [KILLED_WHILE_SAVING, KILLED_WHILE_LINKING])
def test_a_killed_writer_leaves_the_store_whole(store_url: str, program: str) -> None:
    filled(store_url)
    with subprocess.Popen(
        [sys.executable, "-c", program, store_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    ) as writer:
        assert writer.stdout is not None
        said = writer.stdout.readline()
        writer.kill()
    assert said == "in the middle\n"
    with Store.open(store_url) as store:
        check_filled(store)
        assert save(store, [seen(3, 3)], groups=[TOP]) == 1
        store.links.save(APP, {2: [change(9)]}, at=9)
        assert ids(stored(store)) == [1, 2, 3]
    if store_url.startswith("sqlite:///"):
        with closing(connect(store_url.removeprefix("sqlite:///"))) as plain:
            assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
