"""A disk that is full, read-only or damaged is named, loses nothing, and is got over."""

import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from signal import SIGTERM

import pytest
from sqlalchemy import event

from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.generator import generate
from exporter.store import Store, StoreError, UnusableError
from tests.clock import FakeClock
from tests.crash.real_exporter import (
    assert_whole,
    read_answers,
    read_store,
    running,
    write_config,
)
from tests.poller.driven_exporter import DrivenExporter, settings_for
from tests.poller.estate import add_app, deploy
from tests.process import ANY_PORT, run
from tests.tools import missing, require
from tests.waiting import wait_until

FEW, MANY = 3, 400


@contextmanager
def driven(folder: Path, world: World, clock: FakeClock) -> Iterator[DrivenExporter]:
    with SimulatedGitLab(world) as gitlab:
        settings = settings_for(gitlab.url, folder / "dora.db", {})
        exporter = DrivenExporter(settings, clock, folder / "dora.db")
        try:
            yield exporter
        finally:
            exporter.close()


@contextmanager
def with_pragma(exporter: DrivenExporter, pragma: str) -> Iterator[None]:
    """Let each connection to the database begin with a pragma, which SQLite then holds to."""
    engine = exporter.service.store._database._engine

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(pragma)

    engine.dispose()
    event.listen(engine, "connect", prepare)
    try:
        yield
    finally:
        event.remove(engine, "connect", prepare)
        engine.dispose()


def rows(exporter: DrivenExporter) -> list[tuple[object, ...]]:
    """Return all deployments and merge requests that are stored."""
    return exporter.stored("SELECT * FROM deployments ORDER BY id") + exporter.stored(
        "SELECT * FROM merge_requests ORDER BY project_id, iid"
    )


@pytest.mark.parametrize(
    ("pragma", "said"),
    [
        ("PRAGMA max_page_count = 1", "database or disk is full; free space"),
        ("PRAGMA query_only = ON", "attempt to write a readonly database; make it writable"),
    ],
    ids=["full", "read-only"],
)
def test_a_disk_that_takes_nothing_fails_the_poll_as_a_whole_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, pragma: str, said: str
) -> None:
    clock = FakeClock()
    world = World(clock)
    environments = [add_app(world, f"acme/{name}") for name in ("app", "api", "web")]
    for environment in environments:
        for number in range(FEW):
            deploy(world, environment, 600, ago=3600 * (number + 1))
    with driven(tmp_path, world, clock) as exporter:
        assert exporter.poll()
        before, shown = rows(exporter), exporter.numbers()
        clock.advance(minutes=6)
        for environment in environments:
            for number in range(MANY):
                deploy(world, environment, 600, ago=number % 300)
        with with_pragma(exporter, pragma):
            for _ in range(2):
                with pytest.raises(UnusableError, match=said):
                    exporter.poll()
            assert exporter.value("exporter_up") == 0
            assert exporter.numbers() == shown
            assert exporter.page("/-/ready").status_code == 200
            # It is no fault of the projects.
            assert {
                value for _, value in exporter.series("exporter_project_poll_errors_total")
            } == {0}
            assert not [one for one in caplog.records if one.exc_info]
        assert rows(exporter) == before
        assert exporter.poll()
        assert exporter.value("exporter_up") == 1
        assert [exporter.recent(f"acme/{name}") for name in ("app", "api", "web")] == [
            FEW + MANY
        ] * 3
        assert exporter.total("acme/app") == 1 + FEW + MANY


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Put a file system of its own at a folder, of a few megabytes."""
    done = subprocess.run(
        [require("mount"), "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        missing(f"nothing can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        # Lazily: what a killed exporter has open must not keep it.
        subprocess.run([require("umount"), "--lazy", folder], check=True)


@contextmanager
def filled_up(folder: Path, _pid: int) -> Iterator[None]:
    """Fill the file system to its last byte, and clear it again."""
    with closing(sqlite3.connect(folder / "dora.db")) as connection:
        # What is written next must not find room in a file that is there.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with suppress(OSError), (folder / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    assert shutil.disk_usage(folder).free == 0
    yield
    (folder / "filler").unlink()


@contextmanager
def files_that_do_not_grow(_folder: Path, pid: int) -> Iterator[None]:
    """Have the system refuse all that a process writes."""
    unlimited = resource.RLIM_INFINITY
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, unlimited))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (unlimited, unlimited))


@pytest.mark.long
@pytest.mark.parametrize(
    ("volume", "trouble", "said"),
    [
        (mounted, filled_up, "database or disk is full; free space"),
        (nullcontext, files_that_do_not_grow, "disk I/O error; free space"),
    ],
    ids=["full", "failing"],
)
def test_a_running_exporter_survives_a_disk_that_takes_nothing_and_then_goes_on(
    tmp_path: Path,
    volume: Callable[[Path], AbstractContextManager[None]],
    trouble: Callable[[Path, int], AbstractContextManager[None]],
    said: str,
) -> None:
    end = datetime.now(UTC) - timedelta(days=2)
    world = World()
    generate(world, seed=7, projects=3, days=20, end=end)
    start = (end - timedelta(days=21)).date()
    today = datetime.now(UTC).date()
    full, calm = tmp_path / "full", tmp_path / "calm"
    for folder in (full, calm):
        folder.mkdir()
    with volume(full), SimulatedGitLab(world) as gitlab:
        for folder in (full, calm):
            write_config(folder, gitlab.url, poll={"interval": "1s", "freshness": "1s"})
        with running(full) as exporter:
            url = exporter.url()
            exporter.wait_until_ready(url)
            with trouble(full, exporter.process.pid):
                for environment in world.environments.values():
                    deploy(world, environment, 600, ago=400)
                told = exporter.wait_for("the database cannot be used: .*")[0]
                wait_until(
                    lambda: "gitlab_dora_exporter_up 0" in exporter.get(f"{url}/metrics").text
                )
                assert exporter.get(f"{url}/-/healthy").status_code == 200
                assert exporter.get(f"{url}/groups/acme/dora/metrics?metric=deployment_frequency")
            wait_until(lambda: "gitlab_dora_exporter_up 1" in exporter.get(f"{url}/metrics").text)
            wait_until(lambda: len(read_store(full)["deployments"]) == successes(world))
            wait_until(lambda: not unread(full))
            answers = read_answers(url, world, start, today)
            assert exporter.end(SIGTERM, 20) == 0
        with running(calm) as exporter:
            url = exporter.url()
            exporter.wait_until_ready(url)
            assert read_answers(url, world, start, today) == answers
        assert_whole(full)
    assert said in told
    assert "Traceback" not in "".join(exporter.errors)


def successes(world: World) -> int:
    return sum(one.status == "success" for one in world.deployments.values())


def unread(folder: Path) -> int:
    """Return of how many deployments the merge requests are not read yet."""
    return sum(row[-1] != 2 for row in read_store(folder)["deployments"])


# A damaged file.


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a database with some history."""
    folder = tmp_path_factory.mktemp("whole")
    clock = FakeClock()
    world = World(clock)
    for name in ("app", "api"):
        environment = add_app(world, f"acme/{name}")
        for number in range(200):
            deploy(world, environment, 600, ago=3600 * (number + 1))
    with driven(folder, world, clock) as exporter:
        assert exporter.poll()
    with closing(sqlite3.connect(folder / "dora.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (folder / "dora.db").read_bytes()


PAGE = 4096


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda content: b"x" * 16 + content[16:], "file is not a database"),
        (lambda content: content[: len(content) // 2], "damaged|malformed"),
        (lambda content: content[: len(content) - 100], "damaged|malformed"),
        (lambda content: content[:PAGE] + bytes(len(content) - PAGE), "damaged|malformed"),
        (lambda content: content[:100] + bytes(PAGE - 100) + content[PAGE:], "damaged|malformed"),
        (
            lambda content: content[: 8 * PAGE] + b"\xff" * PAGE + content[9 * PAGE :],
            "damaged|malformed",
        ),
    ],
    ids=["header", "half", "end", "zeros", "schema", "a page"],
)
def test_a_damaged_file_is_refused_with_what_to_do_and_left_alone(
    tmp_path: Path, database: bytes, damage: object, said: str
) -> None:
    assert callable(damage)
    path = tmp_path / "dora.db"
    path.write_bytes(damage(database))
    before = path.read_bytes()
    with pytest.raises(StoreError, match=rf"store\.url: .*dora\.db.*({said}).*restore a backup"):
        Store.open(f"sqlite:///{path}", to_poll=True)
    assert path.read_bytes() == before


def test_flipped_bytes_are_refused_or_shown_without_a_crash(
    tmp_path: Path, database: bytes
) -> None:
    rng = Random(20261128)
    clock = FakeClock()
    said = []
    settings = settings_for("http://127.0.0.1:9", tmp_path / "dora.db", {})
    for _ in range(30):
        content = bytearray(database)
        for _ in range(4):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        (tmp_path / "dora.db").write_bytes(content)
        try:
            exporter = DrivenExporter(settings, clock, tmp_path / "dora.db")
        except StoreError as error:
            said.append(str(error))
        else:
            assert exporter.page("/metrics").status_code == 200
            exporter.close()
    assert 3 < len(said) < 30
    assert all("restore a backup" in one for one in said)


def test_a_file_that_is_damaged_under_a_running_exporter_is_named(
    tmp_path: Path, database: bytes
) -> None:
    clock = FakeClock()
    world = World(clock)
    (tmp_path / "dora.db").write_bytes(database)
    with driven(tmp_path, world, clock) as exporter:
        world.add_project("acme/app")
        exporter.service.store._database._engine.dispose()
        with (tmp_path / "dora.db").open("r+b") as file:
            file.seek(PAGE)
            file.write(b"\xff" * (len(database) - PAGE))
        with pytest.raises(UnusableError, match="malformed; stop the exporter and restore"):
            exporter.poll()
        assert exporter.value("exporter_up") == 0
        assert exporter.page("/-/healthy").status_code == 200


def test_an_empty_file_is_a_new_database(tmp_path: Path) -> None:
    (tmp_path / "dora.db").touch()
    with Store.open(f"sqlite:///{tmp_path / 'dora.db'}", to_poll=True) as store:
        assert store.scope.polled() is None


def test_the_command_refuses_a_damaged_file_in_one_line(tmp_path: Path, database: bytes) -> None:
    write_config(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "dora.db").write_bytes(database[: len(database) // 2])
    done = run("run", "--config.file", "config.yaml", *ANY_PORT, folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = [one for one in done.stderr.splitlines() if "store.url" in one]
    assert "restore a backup, as docs/operations.md says" in line
    assert "Traceback" not in done.stderr
