"""Events that some exporter heard, for the one that polls: hints where to look, and no facts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import delete, select

from exporter.instant import Instant
from exporter.store import schema
from exporter.store.engine import Database
from exporter.store.upsert import upsert


@dataclass(frozen=True, slots=True)
class Told:
    """What an event told: of a project and, where it said so, which deployment, and where to."""

    project_id: int
    deployment_id: int | None
    environment: str | None


class EventStore:
    """Events that have not been dealt with; hearing of the same again does not make it two."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tell(self, told: Collection[Told], *, at: Instant) -> None:
        """Pass events on; any exporter may, also one that does not poll."""
        with self._database.writing(fenced=False) as connection:
            upsert(
                connection,
                schema.events,
                ({**_key(one), "told_at": at} for one in told),
                ["told_at"],
            )

    def waiting(self) -> dict[Told, Instant]:
        """Return the events that were passed on, each with when that last was."""
        events = schema.events
        query = select(
            events.c.project_id, events.c.deployment_id, events.c.environment, events.c.told_at
        )
        with self._database.reading() as connection:
            return {
                Told(project_id, deployment_id or None, environment or None): at
                for project_id, deployment_id, environment, at in connection.execute(query)
            }

    def forget(self, done: Mapping[Told, Instant]) -> None:
        """Drop events that were dealt with, except where they were told of again since."""
        events = schema.events
        with self._database.writing() as connection:
            for one, at in done.items():
                matches = [events.c[name] == value for name, value in _key(one).items()]
                connection.execute(delete(events).where(*matches, events.c.told_at == at))


def _key(one: Told) -> dict[str, int | str]:
    return {
        "project_id": one.project_id,
        "deployment_id": one.deployment_id or 0,
        "environment": one.environment or "",
    }
