"""Insert rows, or update some of their columns where the primary key is there already."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, func
from sqlalchemy.dialects import postgresql, sqlite


def upsert(
    connection: Connection,
    table: Table,
    rows: Iterable[Mapping[str, Any]],
    updated: Sequence[str] = (),
    *,
    remembered: Sequence[str] = (),
) -> None:
    """Insert the rows; where one is there, replace the ``updated`` columns, or none.

    A column that is also ``remembered`` keeps its value where the row has only null for it.
    """
    values = list(rows)
    if not values:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    if updated:
        statement = statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={
                name: func.coalesce(statement.excluded[name], table.c[name])
                if name in remembered
                else statement.excluded[name]
                for name in updated
            },
        )
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement, values)
