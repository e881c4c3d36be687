"""The store as a whole: one database, opened once, shared by all threads."""

from contextlib import AbstractContextManager
from datetime import timedelta
from types import TracebackType
from typing import Self

from exporter.store.engine import Database, file_of, open_database
from exporter.store.events import EventStore
from exporter.store.file_lock import FileLock
from exporter.store.gaps import GapStore
from exporter.store.history import HistoryStore
from exporter.store.leadership import Leadership
from exporter.store.links import LinkStore
from exporter.store.provenance import ProvenanceStore
from exporter.store.readings import ReadingStore
from exporter.store.revisions import RevisionStore
from exporter.store.rhythm import Rhythm
from exporter.store.scope import ScopeStore
from exporter.store.standing import StandingStore


class Store:
    """The facts in a database, by room, and ``leadership``: who may write them."""

    def __init__(
        self, database: Database, lock: FileLock | None = None, rhythm: Rhythm | None = None
    ) -> None:
        self._database = database
        self.rhythm = rhythm or Rhythm()
        database.longest_pause = self.rhythm.silence
        self._lock = lock
        self.scope = ScopeStore(database)
        self.readings = ReadingStore(database)
        self.links = LinkStore(database)
        self.gaps = GapStore(database)
        self.history = HistoryStore(database)
        self.provenance = ProvenanceStore(database)
        self.revisions = RevisionStore(database)
        self.standing = StandingStore(database)
        self.events = EventStore(database)
        self.leadership = Leadership(database, self.rhythm)

    @classmethod
    def open(
        cls, url: str, *, to_poll: bool = False, poll_interval: timedelta = timedelta(minutes=5)
    ) -> Self:
        """Open the database at a SQLAlchemy URL and migrate its schema.

        Args:
            url: of the database.
            to_poll: whether polls are to be stored; one SQLite file takes those of one process.
            poll_interval: how often exporters that share the database poll; how soon a leader that
                is lost is replaced follows from it.

        Raises:
            StoreError: if it cannot be opened, or was written by a newer version.
        """
        file = file_of(url) if to_poll else None
        lock = FileLock(file) if file is not None else None
        try:
            return cls(open_database(url, checked=to_poll), lock, Rhythm.of(poll_interval))
        except BaseException:
            if lock is not None:
                lock.release()
            raise

    @property
    def shared(self) -> bool:
        """Whether several exporters may use it at once."""
        return self._database.shared

    def one_state(self) -> AbstractContextManager[None]:
        """Let all that this thread reads within see the same state of the facts."""
        return self._database.one_state()

    def one_write(self) -> AbstractContextManager[None]:
        """Let all that this thread writes within be one transaction, whole or not at all."""
        return self._database.one_write()

    def check(self) -> None:
        """Look through a SQLite file for all damage that can be seen, which takes its time.

        Raises:
            StoreError: if it is damaged.
        """
        self._database.check()

    def close(self) -> None:
        """Close every connection, and let another exporter lead."""
        self.leadership.resign()
        self._database.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()
