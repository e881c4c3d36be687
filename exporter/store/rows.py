"""Rows as the driver gives them: SQLAlchemy's own take three times as long where there are many."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, Select

from exporter.store.trouble import disk_trouble_told

_BATCH = 2000


def text_of(connection: Connection, query: Select[Any]) -> str:
    """Return a query as text without parameters; all that it has must be numbers or fixed."""
    return str(query.compile(connection, compile_kwargs={"literal_binds": True}))


def rows_of(connection: Connection, query: Select[Any]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Yield the rows of a query, some thousand at a time.

    Args:
        connection: within a transaction.
        query: its parameters must be numbers.
    """
    text = text_of(connection, query)
    # PostgreSQL sends all rows at once but where the cursor has a name.
    name = {"name": "rows"} if connection.dialect.name == "postgresql" else {}
    with disk_trouble_told(), closing(connection.connection.cursor(**name)) as cursor:
        cursor.execute(text)
        while rows := cursor.fetchmany(_BATCH):
            yield rows
