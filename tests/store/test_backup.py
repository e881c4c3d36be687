"""Backups as docs/operations.md makes them, of a store that an exporter uses, and brought back."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from exporter.store import Store
from tests.postgres import Server
from tests.store.facts import DAY, NOW, discover, ids, polled, save, seen, stored
from tests.tools import require

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
BACKUP = PAGE.partition("\n## Backup\n")[2].partition("\n## ")[0]
COMMANDS = re.findall(r"^```shell\n(.*?)^```$", BACKUP, re.MULTILINE | re.DOTALL)


def follow(command: str, folder: Path) -> None:
    """Run a command of the page in a folder."""
    program = require(command.split(maxsplit=1)[0])
    environ = {**os.environ, "PATH": f"{Path(program).parent}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-ec", command], cwd=folder, env=environ, check=True, timeout=60)


def fill(store: Store, number: int) -> None:
    """Store a deployment, and count it."""
    save(store, [seen(number, NOW - DAY)])
    polled(store)


def holds(store: Store, *numbers: int) -> bool:
    """Tell whether these deployments are stored, and counted."""
    counted = store.history.counters()["project", 1, "production"]
    return ids(stored(store)) == list(numbers) and counted == len(numbers)


def test_the_page_has_a_command_for_each_step() -> None:
    assert [one.split()[0] for one in COMMANDS] == ["sqlite3", "pg_dump", "pg_restore"]


def test_sqlite_is_backed_up_while_the_exporter_runs(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'dora.db'}"
    with Store.open(url, to_poll=True) as store:
        discover(store)
        fill(store, 1)
        follow(COMMANDS[0], tmp_path)
        fill(store, 2)
    (tmp_path / "dora-backup.db").replace(tmp_path / "dora.db")
    for rest in ("dora.db-wal", "dora.db-shm"):
        (tmp_path / rest).unlink(missing_ok=True)
    with Store.open(url, to_poll=True) as store:
        assert holds(store, 1)
        fill(store, 2)
        assert holds(store, 1, 2)


@pytest.mark.parametrize("lost", [False, True], ids=["in its place", "into an empty database"])
def test_postgresql_is_dumped_while_the_exporter_runs_and_restored(
    tmp_path: Path, postgres: Server, lost: bool
) -> None:
    url = postgres.create_database()
    with Store.open(url, to_poll=True) as store:
        discover(store)
        fill(store, 1)
        follow(_about(COMMANDS[1], url), tmp_path)
        fill(store, 2)
    if lost:
        url = postgres.create_database()
    follow(_about(COMMANDS[2], url), tmp_path)
    with Store.open(url, to_poll=True) as store:
        assert holds(store, 1)
        fill(store, 2)
        assert holds(store, 1, 2)


def _about(command: str, url: str) -> str:
    """Put the database of the test in the place of the page's."""
    assert command.count("postgresql://user@host/database") == 1
    return command.replace("postgresql://user@host/database", url.replace("+psycopg", ""))
