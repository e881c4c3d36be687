"""Who polls, where several exporters share one PostgreSQL: one of them, and all of them serve.

The leader holds a session's advisory lock on a connection of its own. PostgreSQL takes the lock
back when that connection ends, so a leader that is killed is succeeded at once by whoever asks
next. A leader that lost its connection but lives, and does not know it yet, is fenced off: each
leader begins a new term, kept in the store, and writing in an older term is refused. One that
resigns notes so: then who comes next need not give it time to notice.
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS

A SQLite file has one exporter, which always leads.
"""

import logging
from collections.abc import Callable
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Select, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from exporter.store import schema
from exporter.store.engine import Database, StoreError
from exporter.store.upsert import upsert

log = logging.getLogger(__name__)

_LOCK = 0x646F7261  # "dora"; PostgreSQL keeps the locks of each database apart
_TERM = "term"
_RESIGNED = "resigned"

# A host that vanishes must not keep the lead: the server misses it within half a minute. The
# client's own limits (store.engine) are shorter, so that who is cut off stops before that.
_SERVER_KEEPALIVES = (
    "SELECT set_config('tcp_keepalives_idle', '15', false),"
    " set_config('tcp_keepalives_interval', '5', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)


class LostLeadError(StoreError):
    """Another exporter leads meanwhile; nothing was written."""


class Leadership:
    """One exporter's part in the election; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._connection: Connection | None = None
        self._term: int | None = None
        self._elected = database.shared
        self.orderly = True
        """Whether the leader before is known to have stopped when this one began its term."""
        self.when_lost: Callable[[], object] | None = None
        """Called when a write is refused because another exporter leads."""

    def hold(self) -> bool:
        """Take the lead if nobody has it, or keep it; return whether this exporter leads.

        Raises:
            SQLAlchemyError: if the database cannot be asked; then it does not lead.
        """
        if not self._elected:
            return True
        with self._lock:
            if self._connection is not None and not self._still_held(self._connection):
                self._drop()
            if self._connection is None:
                self._take()
            return self._connection is not None

    @property
    def leads(self) -> bool:
        """Whether this exporter led when it last asked."""
        return not self._elected or self._connection is not None

    @property
    def term(self) -> int | None:
        """The term that this exporter began, and holds if it leads."""
        return self._term

    def resign(self) -> None:
        """Give the lead up when all work has ended, so that another exporter need not wait."""
        with self._lock:
            if self._connection is None:
                return
            try:
                with self._database.writing() as connection:
                    note = {"key": _RESIGNED, "value": str(self._term)}
                    upsert(connection, schema.state, [note], ["value"])
                # The end of the connection would do, but the server is told of it a little later.
                self._connection.execute(select(func.pg_advisory_unlock(_LOCK)))
            except (SQLAlchemyError, LostLeadError) as error:
                log.debug("the next leader is not told: %s", type(error).__name__)
            self._drop()

    def _take(self) -> None:
        connection = self._database.lasting()
        try:
            if not connection.execute(select(func.pg_try_advisory_lock(_LOCK))).scalar_one():
                connection.close()
                return
            connection.execute(text(_SERVER_KEEPALIVES))
            self._term = self._begin_term()
        except BaseException:
            # It may hold the lock, which must not end up in a pool.
            connection.invalidate()
            connection.close()
            raise
        self._database.fence = self._check_term
        self._connection = connection
        log.info("this exporter leads the polls", extra={"term": self._term})

    def _begin_term(self) -> int:
        with self._database.writing(fenced=False) as connection:
            # Waits for what the leader before is writing, and makes it the last.
            before = connection.execute(_value(_TERM).with_for_update()).scalar()
            resigned = connection.execute(_value(_RESIGNED)).scalar()
            self.orderly = before in {None, resigned, str(self._term)}
            term = int(before or 0) + 1
            upsert(connection, schema.state, [{"key": _TERM, "value": str(term)}], ["value"])
        return term

    def _check_term(self, connection: Connection) -> None:
        present = connection.execute(_value(_TERM).with_for_update(read=True)).scalar()
        if present != str(self._term):
            if self.when_lost is not None:
                self.when_lost()
            raise LostLeadError("another exporter leads the polls meanwhile")

    def _still_held(self, connection: Connection) -> bool:
        try:
            present = connection.execute(_value(_TERM)).scalar()
        except SQLAlchemyError as error:
            log.warning("the lead is lost, the connection broke: %s", type(error).__name__)
            return False
        if present != str(self._term):  # as behind a pooler that shares sessions out
            log.warning("the lead is lost, another exporter began a term")
            return False
        return True

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Closed for good, not given back to a pool: that would keep the lock.
            connection.invalidate()
            connection.close()


def _value(key: str) -> Select[Any]:
    return select(schema.state.c.value).where(schema.state.c.key == key)
