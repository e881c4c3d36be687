"""Opening the database and bringing its schema up to date."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from threading import Lock, local

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from exporter.store.trouble import StoreError, advice, tell_of_disk_trouble

PARAMETERS = 10_000
"""How many ids a statement is given at most; SQLite takes 32,766."""

MIGRATIONS = Path(__file__).parent / "migrations"

_MIGRATION_LOCK = 0x6D696772  # "migr"

# A server that vanishes is missed after some ten seconds, and before it would miss its exporter:
# see store.leadership.
_POSTGRESQL = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Database:
    """Transactions on one engine: many readers, and one writer at a time in this process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = Lock()
        self.shared = engine.dialect.name == "postgresql"
        """Whether several exporters may use it at once."""
        self.file = file_of(engine.url.render_as_string(hide_password=False))
        """Of SQLite, None where it is in memory or on a server."""
        self.fence: Callable[[Connection], None] | None = None
        """Called at the begin of each writing transaction; it may refuse."""
        self.longest_pause: float | None = None
        """Seconds between two statements of a write after which the server undoes it, None for no
        limit: who is frozen must not keep what others wait for."""
        self._snapshot = {"isolation_level": "REPEATABLE READ"} if self.shared else {}
        self._thread = local()

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """Let all that this thread reads within see the same state of the facts."""
        before = getattr(self._thread, "connection", None)
        with self.reading() as connection:
            self._thread.connection = connection
            try:
                yield
            finally:
                self._thread.connection = before

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the facts throughout."""
        present: Connection | None = getattr(self._thread, "connection", None)
        if present is not None:
            yield present
            return
        with (
            self._engine.connect().execution_options(**self._snapshot) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def one_write(self) -> Iterator[None]:
        """Let all that this thread writes and reads within be one transaction, whole or not at all.

        What is within must ask nobody else: other writers wait.
        """
        before = getattr(self._thread, "connection", None)
        with self.writing() as connection:
            self._thread.connection = self._thread.writer = connection
            try:
                yield
            finally:
                self._thread.connection, self._thread.writer = before, None

    @contextmanager
    def writing(self, *, fenced: bool = True) -> Iterator[Connection]:
        """Open a transaction that writes; it commits as a whole, or not at all on an error.

        Args:
            fenced: whether only the exporter that leads may do it.
        """
        present: Connection | None = getattr(self._thread, "writer", None)
        if present is not None:
            yield present
            return
        with (
            self._writer,
            self._engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            if self.shared and self.longest_pause is not None:
                limit = f"{round(self.longest_pause * 1000)}ms"
                setting = func.set_config("idle_in_transaction_session_timeout", limit, True)
                connection.execute(select(setting))
            if fenced and self.fence is not None:
                self.fence(connection)
            yield connection

    def lasting(self) -> Connection:
        """Return a connection without transactions, of the caller's own until it is closed."""
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def check(self, *, quickly: bool = False) -> None:
        """Refuse a damaged SQLite file: SQLite notices only when it comes to the damaged place.

        Args:
            quickly: whether to leave out what takes more than a look at each page.

        Raises:
            StoreError: if it is damaged.
        """
        if self.shared:
            return
        with self.reading() as connection:
            pragma = "quick_check" if quickly else "integrity_check"
            found = connection.exec_driver_sql(f"PRAGMA {pragma}(1)").scalar()
            if found == "ok" and not quickly:
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                found = "ok" if broken is None else f"a row of {broken[0]} belongs to none"
        if found != "ok":
            reason = str(found).replace("\n", " ")
            shown = self._engine.url.render_as_string(hide_password=True)
            raise StoreError(
                f"store.url: {shown} is damaged: {reason}; "
                "restore a backup, as docs/operations.md says"
            )

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def open_database(url: str, *, checked: bool = False) -> Database:
    """Open the database and migrate its schema to the newest one.

    Args:
        url: of the database.
        checked: whether a SQLite file is looked through for damage first.

    Raises:
        StoreError: if it cannot be opened, is damaged, or was written by a newer version.
    """
    try:
        shown = make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        raise StoreError("store.url: is no database URL such as sqlite:///dora.db") from None
    with ExitStack() as undo:
        try:
            engine = _engine(url)
            undo.callback(engine.dispose)
            if engine.dialect.name == "sqlite":
                event.listen(engine, "connect", _prepare_sqlite)
                event.listen(engine, "begin", _begin_sqlite)
            database = Database(engine)
            if checked:
                database.check(quickly=True)
            with database.writing() as connection:
                _migrate(connection, shown)
            tell_of_disk_trouble(engine)
        except ImportError as error:
            raise StoreError(
                f"store.url: the driver of {shown} is not installed: {error}"
            ) from None
        except SQLAlchemyError as error:
            # SQLAlchemy's own text may quote the URL, and that may hold a password.
            original = getattr(error, "orig", None)
            reason = original or type(error).__name__
            help_ = advice(original)
            then = f"; {help_}" if help_ else ""
            raise StoreError(f"store.url: cannot open {shown}: {reason}{then}") from None
        undo.pop_all()
    return database


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite database, None of one in memory or on a server."""
    if not url.startswith("sqlite"):
        return None
    try:
        name = make_url(url).database
    except SQLAlchemyError:
        return None  # opening it tells what is wrong
    if not name or name == ":memory:" or name.startswith("file:"):
        return None
    path = Path(name).resolve()  # one lock, whatever leads to the file
    return path if path.parent.is_dir() and not path.is_dir() else None


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        return create_engine(url)
    given = make_url(url).query
    arguments = {key: value for key, value in _POSTGRESQL.items() if key not in given}
    return create_engine(url, pool_pre_ping=True, connect_args=arguments)


def _prepare_sqlite(connection: SqliteConnection, _record: object) -> None:
    # The driver's own transactions begin too late and too weak; `_begin_sqlite` begins them.
    connection.isolation_level = None
    for pragma in (
        "busy_timeout = 30000",
        "journal_mode = WAL",  # readers go on while a poll writes, and a kill leaves no half write
        "synchronous = NORMAL",  # a power cut may undo the last poll, never tear it; it is re-read
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(connection: Connection, shown: str) -> None:
    if connection.dialect.name == "postgresql":
        # Exporters that start together migrate one after the other.
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    present = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if present is not None and present not in known:
        raise StoreError(
            f"store.url: {shown} has schema {present}, written by a newer version; "
            "run that version, or restore a backup from before the upgrade"
        )
    command.upgrade(config, "head")
