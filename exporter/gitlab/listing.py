"""Lists of a project's successful deployments: all of them, those since a moment, the oldest.

The first poll lists from the oldest on, by id, so that the list tells which deployment was each
environment's first. Later polls ask for what finished after a cursor, which lies an overlap behind
the newest known finish, so that nothing is missed that GitLab wrote late.
https://docs.gitlab.com/ee/api/deployments.html
"""

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain

from exporter.dora.facts import Environment
from exporter.gitlab.answers import DeploymentAnswer, read
from exporter.gitlab.client import Client, Page
from exporter.gitlab.errors import BadAnswerError, InvalidError
from exporter.instant import Instant, iso, microseconds

log = logging.getLogger(__name__)

OVERLAP = microseconds(timedelta(hours=1))
"""How far before the newest known finish the next poll asks again."""

_ATTEMPTS = 3
"""How often a list is read until it is as long as GitLab says."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Deployments of a project.

    ``whole`` says that it holds all there ever were. ``oldest`` gives, by environment, the id of
    its first deployment, for those environments whose first the list tells.
    """

    rows: Collection[DeploymentAnswer]
    whole: bool = False
    oldest: Mapping[int, int] = field(default_factory=dict)


class DeploymentLists:
    """Lists deployments the way that the instance allows."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._by_finish = True

    def first(self, project_id: int, since: Instant) -> Listing:
        """List from the oldest deployment on; skip to ``since`` if the first page is all older."""
        path = _path(project_id)
        parameters = {"status": "success", "order_by": "id", "sort": "asc"}
        pages = self._client.pages(path, **parameters)
        page = next(pages)
        rows = _rows(page.items)
        if not page.last and all(row.finish()[0] < since for row in rows):
            return Listing(self.after(project_id, since), oldest=_oldest(rows))
        rows = self._read(path, parameters, chain([page], pages))
        return Listing(rows, whole=True, oldest=_oldest(rows))

    def after(self, project_id: int, cursor: Instant) -> list[DeploymentAnswer]:
        """List what finished at ``cursor`` or later; on older instances, what changed since."""
        parameters = {"status": "success", "sort": "asc"}
        if self._by_finish:
            try:
                return self._read(
                    _path(project_id),
                    {**parameters, "order_by": "finished_at", "finished_after": iso(cursor)},
                )
            except InvalidError as error:
                log.info("GitLab lists no deployments by finish, by change then: %s", error)
                self._by_finish = False
        return self._read(
            _path(project_id),
            {**parameters, "order_by": "updated_at", "updated_after": iso(cursor)},
        )

    def oldest(self, environment: Environment) -> int | None:
        """Return the id of an environment's oldest deployment, None if it has none any more."""
        answer = self._client.get(
            _path(environment.project_id),
            environment=environment.name,
            status="success",
            order_by="id",
            sort="asc",
            per_page=1,
        )
        # The name may belong to another environment by now.
        return _oldest(_rows(answer)).get(environment.id)

    def _read(
        self, path: str, parameters: dict[str, str], pages: Iterator[Page] | None = None
    ) -> list[DeploymentAnswer]:
        """Read a list whole, and again if rows moved between its pages meanwhile."""
        rows: dict[int, DeploymentAnswer] = {}
        total = 0
        for _ in range(_ATTEMPTS):
            rows.clear()
            total = 0
            for page in pages or self._client.pages(path, **parameters):
                # The largest: a row that is deleted meanwhile moves another one out of sight.
                total = max(total, page.total or 0)
                rows.update({row.id: row for row in _rows(page.items)})
            if len(rows) >= total:
                return list(rows.values())
            pages = None
        raise BadAnswerError(f"{path}: {len(rows)} rows where GitLab counts {total}")


def next_cursor(rows: Iterable[DeploymentAnswer], before: Instant, asked_at: Instant) -> Instant:
    """Return from where the next poll asks: behind all that is known, never ahead of the clock.

    It goes back only with the clock: what finishes from then on has earlier times.
    """
    newest = max((row.finish()[0] for row in rows), default=before + OVERLAP)
    return reaching(max(before, newest - OVERLAP), asked_at)


def reaching(cursor: Instant, asked_at: Instant) -> Instant:
    """Return a cursor, or where it must be by now because a clock was set back."""
    return min(cursor, asked_at - OVERLAP)


def _path(project_id: int) -> str:
    return f"/projects/{project_id}/deployments"


def _rows(items: object) -> list[DeploymentAnswer]:
    if not isinstance(items, list | tuple):
        raise BadAnswerError("deployments: an object where a list belongs")
    return [read(DeploymentAnswer, item, "deployment") for item in items]


def _oldest(rows: Iterable[DeploymentAnswer]) -> dict[int, int]:
    oldest: dict[int, int] = {}
    for row in rows:
        if row.status == "success":
            number = row.environment.id
            oldest[number] = min(oldest.get(number, row.id), row.id)
    return oldest
