import sqlite3
import subprocess
from pathlib import Path

import numpy as np
import pytest

from exporter.store import Store, history
from exporter.store.second_reader import SecondReader, second_reader
from tests.store.facts import discover, link, save, seen

ROWS = 50_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "numbers.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE numbers (a, b)")
        rows = ((one, -one * 2**40) for one in range(ROWS))
        connection.executemany("INSERT INTO numbers VALUES (?, ?)", rows)
    connection.close()
    return path


def test_rows_are_read_by_a_second_process(file: Path) -> None:
    with second_reader(file, "SELECT 7", "SELECT a, b FROM\n numbers", width=2) as reader:
        assert reader is not None
        rows = reader.rows(7)
    assert rows is not None
    assert np.array_equal(rows, [range(ROWS), [-one * 2**40 for one in range(ROWS)]])


def test_none_is_no_failure(file: Path) -> None:
    with second_reader(file, "SELECT 7", "SELECT a, b FROM numbers WHERE 0", width=2) as reader:
        assert reader is not None
        rows = reader.rows(7)
    assert rows is not None
    assert rows.shape == (2, 0)


@pytest.mark.parametrize(
    ("state", "query"),
    [
        ("SELECT 8", "SELECT a, b FROM numbers"),
        ("SELECT 7", "SELECT a, b FROM letters"),
        ("SELECT 7", "SELECT a, 'b' FROM numbers"),
        ("SELECT 7 WHERE 0", "SELECT a, b FROM numbers WHERE 0"),
    ],
    ids=["another state", "no such table", "no integers", "no state"],
)
def test_what_cannot_be_trusted_is_not_taken(file: Path, state: str, query: str) -> None:
    with second_reader(file, state, query, width=2) as reader:
        assert reader is not None
        assert reader.rows(7) is None


def test_one_that_is_not_waited_for_ends(file: Path) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x, x FROM n"
    with second_reader(file, "SELECT 7", endless, width=2) as reader:
        assert reader is not None
    assert reader._process.returncode is not None


def test_a_machine_that_starts_no_process_reads_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with second_reader(file, "SELECT 7", "SELECT a, b FROM numbers", width=2) as reader:
        assert reader is None


@pytest.mark.parametrize("fails", [False, True], ids=["reads", "fails"])
def test_the_history_is_the_same_read_by_one_or_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    used = []

    def spied(*given: object, **named: object) -> object:
        used.append(given)
        return second_reader(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(history, "second_reader", spied)
    with Store.open(f"sqlite:///{tmp_path / 'dora.db'}") as store:
        discover(store)
        save(store, [seen(1, 10), seen(4, 40), seen(5, 50)])
        link(store, {1: [7], 4: [7, 9], 5: []})
        alone = store.history.columns(None, with_first=True, with_kinds=False)
        assert not used
        monkeypatch.setattr(history, "_MANY", 1)
        if fails:
            monkeypatch.setattr(SecondReader, "rows", lambda *_: None)
        beside = store.history.columns(None, with_first=True, with_kinds=False)
        assert len(used) == 1
    assert len(alone.merged_at) == 3
    for column in ("ids", "finished", "first", "deployments", "iids", "merged_at", "kinds"):
        assert np.array_equal(getattr(beside, column), getattr(alone, column)), column
