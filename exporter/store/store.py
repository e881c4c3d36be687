"""The store as a whole: one database, opened once, shared by all threads."""

from types import TracebackType
from typing import Self

from exporter.store.engine import Database, open_database
from exporter.store.history import HistoryStore
from exporter.store.leadership import Leadership
from exporter.store.links import LinkStore
from exporter.store.readings import ReadingStore
from exporter.store.scope import ScopeStore


class Store:
    """The facts in a database, by room, and ``leadership``: who may write them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.scope = ScopeStore(database)
        self.readings = ReadingStore(database)
        self.links = LinkStore(database)
        self.history = HistoryStore(database)
        self.leadership = Leadership(database)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the database at a SQLAlchemy URL and migrate its schema.

        Raises:
            StoreError: if it cannot be opened, or was written by a newer version.
        """
        return cls(open_database(url))

    def close(self) -> None:
        """Close every connection, and let another exporter lead."""
        self.leadership.resign()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()
