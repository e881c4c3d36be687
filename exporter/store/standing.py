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
_BEGAN = "poll_began"


@dataclass(frozen=True, slots=True)
class Standing:
    """The outcome of the last poll.

    ``began`` is when the last poll of all that is due began, be it cut off, None before the first;
    ``up`` and ``seconds`` are how the last one went that ended, ``failing`` the projects that it
    could not read.
    """

    began: Instant | None = None
    up: bool | None = None
    seconds: float | None = None
    failing: Collection[int] = ()


class StandingStore:
    """The standing, published by one and read by all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, at: Instant) -> None:
        """Note that a poll of all that is due begins, for who may have to make the next."""
        with self._database.writing() as connection:
            upsert(connection, schema.state, [{"key": _BEGAN, "value": str(at)}], ["value"])

    def publish(self, standing: Standing) -> int:
        """Let the others show the facts as they are now; return the number of this issue.

        ``began`` is not published here but by :meth:`begin`.
        """
        told = {
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
        """Return what was published last, and when the last poll began."""
        state = schema.state
        query = select(state.c.key, state.c.value).where(state.c.key.in_((_STANDING, _BEGAN)))
        with self._database.reading() as connection:
            found: dict[str, str] = {key: value for key, value in connection.execute(query)}  # noqa: C416
        told = json.loads(found.get(_STANDING, "{}"))
        # An older version told it with the rest, at the end of the poll.
        began = [int(one) for one in (found.get(_BEGAN), told.pop("began", None)) if one]
        return Standing(max(began, default=None), **told)
