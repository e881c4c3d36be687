"""Which projects changed since when: who follows the store reads only these again.

A transaction that changes deployments or merge requests takes the next revision and notes it at
its projects. The number stays locked until that transaction ends, so revisions become visible in
their order.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    Text,
    cast,
    func,
    literal_column,
    select,
    update,
)

from exporter.batches import in_batches
from exporter.store import schema
from exporter.store.engine import PARAMETERS, Database
from exporter.store.upsert import upsert

REVISION = "revision"


def count_up(connection: Connection, key: str) -> int:
    """Raise a number that is kept under a key of the state, and return it."""
    state = schema.state
    more = (
        update(state)
        .where(state.c.key == key)
        .values(value=cast(cast(state.c.value, BigInteger) + 1, Text))
        .returning(state.c.value)
    )
    raised = connection.execute(more).scalar_one_or_none()
    if raised is None:
        upsert(connection, state, [{"key": key, "value": "0"}])
        raised = connection.execute(more).scalar_one()
    return int(raised)


def number(connection: Connection, key: str) -> int:
    """Return the number that is kept under a key of the state, 0 where there is none."""
    query = select(schema.state.c.value).where(schema.state.c.key == key)
    return int(connection.execute(query).scalar_one_or_none() or 0)


def revision_query() -> Select[Any]:
    """Return the query for the present revision, 0 before the first."""
    state = schema.state
    value = func.coalesce(func.max(cast(state.c.value, BigInteger)), literal_column("0"))
    return select(value).where(state.c.key == literal_column(f"'{REVISION}'"))


def note_changes(connection: Connection, project_ids: Collection[int]) -> None:
    """Note, in the transaction that changes them, that deployments or merge requests changed."""
    if not project_ids:
        return
    revision = count_up(connection, REVISION)
    for some in in_batches(sorted(project_ids), PARAMETERS):
        connection.execute(
            update(schema.projects).where(schema.projects.c.id.in_(some)).values(revision=revision)
        )


class RevisionStore:
    """What changed, for those who follow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, revision: int) -> tuple[int, set[int]]:
        """Return the present revision, and the projects that changed after an earlier one."""
        projects = schema.projects
        with self._database.reading() as connection:
            present = number(connection, REVISION)
            if present == revision:
                return present, set()
            changed = select(projects.c.id).where(projects.c.revision > revision)
            return present, set(connection.execute(changed).scalars())
