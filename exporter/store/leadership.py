"""Who polls, where several exporters share one PostgreSQL: one of them, and all of them serve.

The leader holds a session's advisory lock on a connection of its own. PostgreSQL takes the lock
back when that connection ends, so a leader that is killed is succeeded at once by whoever asks
next. A leader that lost its connection but lives, and does not know it yet, is fenced off: each
leader begins a new term, kept in the store, and writing in an older term is refused. Nor does it
ask GitLab anything without having heard from the database within its lease. One that resigns notes
so: then who comes next need not give it time to notice.
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS

A leader that is frozen, or cut off by the network, keeps its connection. So it says something on it
every turn, and PostgreSQL ends the session of one that does not, and its half done transactions.
https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-SESSION-TIMEOUT

A SQLite file has one exporter, which always leads.
"""

import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Select, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from exporter.store import schema
from exporter.store.engine import Database
from exporter.store.rhythm import Rhythm
from exporter.store.trouble import StoreError
from exporter.store.upsert import upsert

log = logging.getLogger(__name__)

_LOCK = 0x646F7261  # "dora"; PostgreSQL keeps the locks of each database apart
_TERM = "term"
_RESIGNED = "resigned"

# A host that vanishes must not keep the lead for long where the server knows no limit of silence
# (before version 14). The client's own limits are in store.engine.
_SERVER_KEEPALIVES = (
    "SELECT set_config('tcp_keepalives_idle', '15', false),"
    " set_config('tcp_keepalives_interval', '5', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)
_LIMITS_SILENCE = (14,)
"""The version of PostgreSQL that can end a session which says nothing."""


class LostLeadError(StoreError):
    """Another exporter leads meanwhile; nothing was written."""


class Leadership:
    """One exporter's part in the election; safe to use from several threads."""

    def __init__(
        self,
        database: Database,
        rhythm: Rhythm,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take part, without the lead at first.

        Args:
            database: which the exporters share, or not.
            rhythm: of all of them.
            monotonic: tells seconds since some moment.
        """
        self._database = database
        self._rhythm = rhythm
        self._monotonic = monotonic
        self._asked_at = 0.0
        self._lock = Lock()
        self._connection: Connection | None = None
        self._term: int | None = None
        self._elected = database.shared
        self.orderly = True
        """Whether the leader before is known to have stopped when this one began its term."""
        self.when_lost: Callable[[], object] | None = None
        """Called when it turns out, between two calls of :meth:`hold`, that the lead is lost."""

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

    def beat(self) -> None:
        """Say that this exporter lives, if it leads: each turn, whatever else it does."""
        with self._lock:
            if self._connection is not None and not self._still_held(self._connection):
                self._lose()

    def confirmed(self) -> bool:
        """Return whether this exporter leads, as the database said within the lease.

        Where that is too long ago, as for one that was frozen, the database is asked.
        """
        if not self._elected:
            return True
        if self._connection is not None and self._fresh():
            return True
        with self._lock:
            if self._connection is None:
                return False
            # Meanwhile another thread may have asked.
            if not self._fresh() and not self._still_held(self._connection):
                self._lose()
            return self._connection is not None

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

    def _fresh(self) -> bool:
        return self._monotonic() - self._asked_at < self._rhythm.lease

    def _take(self) -> None:
        connection = self._database.lasting()
        asked_at = self._monotonic()
        try:
            if not connection.execute(select(func.pg_try_advisory_lock(_LOCK))).scalar_one():
                connection.close()
                return
            connection.execute(text(_SERVER_KEEPALIVES))
            self._limit_silence(connection)
            self._term = self._begin_term()
        except BaseException:
            # It may hold the lock, which must not end up in a pool.
            connection.invalidate()
            connection.close()
            raise
        self._database.fence = self._check_term
        self._connection, self._asked_at = connection, asked_at
        log.info("this exporter leads the polls", extra={"term": self._term})

    def _limit_silence(self, connection: Connection) -> None:
        if (connection.dialect.server_version_info or ()) < _LIMITS_SILENCE:
            log.warning("PostgreSQL before version 14 replaces no leader that is frozen")
            return
        limit = f"{round(self._rhythm.silence * 1000)}ms"
        connection.execute(select(func.set_config("idle_session_timeout", limit, False)))

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
            self._tell_loss()
            raise LostLeadError("another exporter leads the polls meanwhile")

    def _still_held(self, connection: Connection) -> bool:
        asked_at = self._monotonic()
        try:
            present = connection.execute(_value(_TERM)).scalar()
        except SQLAlchemyError as error:
            log.warning("the lead is lost, the connection broke: %s", type(error).__name__)
            return False
        if present != str(self._term):  # as behind a pooler that shares sessions out
            log.warning("the lead is lost, another exporter began a term")
            return False
        self._asked_at = asked_at
        return True

    def _lose(self) -> None:
        self._drop()
        self._tell_loss()

    def _tell_loss(self) -> None:
        if self.when_lost is not None:
            self.when_lost()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Closed for good, not given back to a pool: that would keep the lock.
            connection.invalidate()
            connection.close()


def _value(key: str) -> Select[Any]:
    return select(schema.state.c.value).where(schema.state.c.key == key)
