"""A private PostgreSQL server for tests: started for a session, gone after it.

A ``conftest.py`` takes the fixture by name::

    from tests.postgres import postgres

    __all__ = ["postgres"]
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url

from tests.tools import missing

USER = "dora"
PASSWORD = "not-shown-anywhere"
_OPTIONS = "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server that listens on a socket in ``directory`` and wants a password."""

    directory: Path
    _numbers: Iterator[int]

    def url(self, database: str, *, password: str = PASSWORD) -> str:
        """Return the SQLAlchemy URL of a database on this server."""
        return URL.create(
            "postgresql+psycopg",
            USER,
            password,
            database=database,
            query={"host": str(self.directory)},
        ).render_as_string(hide_password=False)

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(
            host=str(self.directory),
            user=USER,
            password=PASSWORD,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


@contextmanager
def running_server(*, tls: tuple[int, str, str] | None = None) -> Iterator[Server]:
    """Start a server on a new data directory and stop it in the end.

    Args:
        tls: a port of the loopback interface to listen on as well, with a certificate and its key.

    Raises:
        FileNotFoundError: if PostgreSQL's server programs are not installed.
        subprocess.CalledProcessError: if it does not start.
    """
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    # Not below pytest's own directory: that is closed to other users and long for a socket's path.
    directory = Path(tempfile.mkdtemp(prefix="dora-pg-"))
    data = directory / "data"
    password_file = directory / "password"
    password_file.write_text(PASSWORD)
    certificate, key = directory / "server.crt", directory / "server.key"
    listening = ""
    for path, content in zip((certificate, key), tls[1:] if tls else ("", ""), strict=True):
        path.write_text(content)
        path.chmod(0o600)
    if tls:
        listening = (
            f" -c listen_addresses=127.0.0.1 -c port={tls[0]} -c ssl=on"
            f" -c ssl_cert_file={certificate} -c ssl_key_file={key}"
        )
    as_owner = _hand_over(directory, password_file, certificate, key)
    try:
        _run(
            *as_owner, initdb, "-D", data, "-U", USER, "-E", "UTF8", "--locale=C", "--no-sync",
            "--auth=scram-sha-256", f"--pwfile={password_file}",
        )  # fmt: skip
        options = f"{_OPTIONS} -k {directory}{listening}"
        _run(*as_owner, pg_ctl, "-D", data, "-o", options, "-l", directory / "log", "-w", "start")
        try:
            yield Server(directory, count(1))
        finally:
            _run(*as_owner, pg_ctl, "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running server; without PostgreSQL the test is skipped, but in CI it fails."""
    missing_server()
    with running_server() as server:
        yield server


def missing_server() -> None:
    """Skip the test where PostgreSQL is not installed; in CI it fails."""
    try:
        _program("initdb")
    except FileNotFoundError as error:
        missing(str(error))


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
        # With a time it waits until each has ended: until then it keeps its locks.
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _program(name: str) -> Path:
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(versions, key=lambda path: float(path.parts[4]), default=None)
    found = newest or shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"no {name}: PostgreSQL's server programs are not installed")
    return Path(found)


def _hand_over(*paths: Path) -> list[str]:
    """Give paths to a user that PostgreSQL agrees to run as; return how to run as that user."""
    if os.geteuid() != 0:
        return []
    try:
        owner = pwd.getpwnam("postgres")
    except KeyError:
        owner = pwd.getpwnam("nobody")
    for path in paths:
        os.chown(path, owner.pw_uid, owner.pw_gid)
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]


def _run(*command: str | Path) -> None:
    # The server inherits the output of pg_ctl: a pipe would stay open as long as it runs.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", check=False
        )
        output.seek(0)
        if done.returncode:
            pytest.fail(f"{command} exited {done.returncode}: {output.read()}")
