"""Insert rows, or update some of their columns where the primary key is there already."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, case, func
from sqlalchemy.dialects import postgresql, sqlite

from exporter.instant import MICROSECONDS


def upsert(
    connection: Connection,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    updated: Sequence[str] = (),
    *,
    remembered: Sequence[str] = (),
    precise: Sequence[str] = (),
) -> None:
    """Insert the rows; where one is there, replace the ``updated`` columns, or none.

    A column that is also ``remembered`` keeps its value where the row has only null for it, and an
    instant that is ``precise`` where the row has the same cut to whole seconds.
    """
    values = list(rows)
    if not values:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    if updated:
        given: dict[str, ColumnElement[Any]] = {name: statement.excluded[name] for name in updated}
        for name in remembered:
            given[name] = func.coalesce(given[name], table.c[name])
        for name in precise:
            cut = table.c[name] - table.c[name] % MICROSECONDS
            given[name] = case((given[name] == cut, table.c[name]), else_=given[name])
        statement = statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns), set_=given
        )
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement, values)
