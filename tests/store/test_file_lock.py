"""One process polls into a SQLite file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.store import Store, StoreError

HOLDER = """
import sys
from exporter.store import Store
with Store.open(sys.argv[1], to_poll=True):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'dora.db'}"


def test_a_second_exporter_is_refused_and_told_who_has_it(url: str, tmp_path: Path) -> None:
    with (
        Store.open(url, to_poll=True),
        pytest.raises(StoreError, match=rf"store\.url: .* another exporter \(pid {os.getpid()}\)"),
    ):
        Store.open(url, to_poll=True)
    with Store.open(url, to_poll=True):
        assert (tmp_path / "dora.db.lock").read_text() == f"{os.getpid()}\n"


def test_whatever_leads_to_the_file_it_is_one_lock(url: str, tmp_path: Path) -> None:
    with Store.open(url, to_poll=True):
        link = tmp_path / "other.db"
        link.symlink_to(tmp_path / "dora.db")
        with pytest.raises(StoreError, match="another exporter"):
            Store.open(f"sqlite:///{link}", to_poll=True)


def test_who_only_reads_is_let_in(url: str) -> None:
    with Store.open(url, to_poll=True), Store.open(url) as reader:
        assert reader.scope.load().projects == ()


def test_a_killed_exporter_leaves_no_lock(url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreError, match=rf"\(pid {holder.pid}\)"):
            Store.open(url, to_poll=True)
        holder.kill()
    with Store.open(url, to_poll=True):
        pass


def test_a_store_that_cannot_be_opened_keeps_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database\n" * 100)
    for _ in range(2):
        with pytest.raises(StoreError, match="not a database"):
            Store.open(f"sqlite:///{path}", to_poll=True)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_needs_none(url: str) -> None:
    with Store.open(url, to_poll=True), Store.open(url, to_poll=True):
        pass
