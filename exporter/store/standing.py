"""How the polls stand: what the exporter that polls tells those that only serve."""

import json
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select

from exporter.instant import Instant
from exporter.store import schema
from exporter.store.engine import Database
from exporter.store.revisions import count_up, number
from exporter.store.upsert import upsert

_ISSUE = "published"
_STANDING = "standing"


@dataclass(frozen=True, slots=True)
class Standing:
    """The outcome of the last poll.

    ``began`` is when the last poll of all that is due began, None before the first; ``up`` and
    ``seconds`` are how the last poll went, ``failing`` the projects that it could not read.
    """

    began: Instant | None = None
    up: bool | None = None
    seconds: float | None = None
    failing: Collection[int] = ()


class StandingStore:
    """The standing, published by one and read by all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def publish(self, standing: Standing) -> int:
        """Let the others show the facts as they are now; return the number of this issue."""
        told = {
            "began": standing.began,
            "up": standing.up,
            "seconds": standing.seconds,
            "failing": sorted(standing.failing),
        }
        with self._database.writing() as connection:
            upsert(
                connection,
                schema.state,
                [{"key": _STANDING, "value": json.dumps(told)}],
                ["value"],
            )
            return count_up(connection, _ISSUE)

    def issue(self) -> int:
        """Return the number of what was published last, 0 where nothing was."""
        with self._database.reading() as connection:
            return number(connection, _ISSUE)

    def load(self) -> Standing:
        """Return what was published last."""
        query = select(schema.state.c.value).where(schema.state.c.key == _STANDING)
        with self._database.reading() as connection:
            told = connection.execute(query).scalar_one_or_none()
        return Standing(**json.loads(told)) if told else Standing()
