"""Deployments of one project, kept sorted in every order the API can be asked for."""

from bisect import bisect_left, insort
from datetime import UTC, datetime
from typing import Final, Literal

from exporter.simulator.records import Deployment

Order = Literal["id", "updated_at", "finished_at"]
Scope = tuple[int | None, str | None]
Key = tuple[datetime, int]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ORDERS: Final[tuple[Order, ...]] = ("id", "updated_at", "finished_at")


class Selection:
    """A run of a sorted list: its length is known, its ids are read a page at a time."""

    def __init__(self, keys: list[Key], start: int, stop: int) -> None:
        self._keys = keys
        self._start = start
        self._stop = max(start, stop)

    def __len__(self) -> int:
        return self._stop - self._start

    def page(self, offset: int, limit: int, *, descending: bool = False) -> list[int]:
        """Give up to `limit` deployment ids from the `offset`-th on."""
        if descending:
            stop = max(self._start, self._stop - offset)
            keys = self._keys[max(self._start, stop - limit) : stop][::-1]
        else:
            start = self._start + offset
            keys = self._keys[start : min(self._stop, start + limit)]
        return [number for _, number in keys]


class DeploymentIndex:
    """Sorted lists per environment and status, so that a page costs the page and not the project.

    A scope is `(environment id or None for all, status or None for all)`. A key is
    `(time, deployment id)`; the order `id` has the same time everywhere, `EPOCH`.
    """

    def __init__(self) -> None:
        self._keys: dict[tuple[Order, Scope], list[Key]] = {}

    def add(self, deployment: Deployment) -> None:
        """Take a deployment in, by what its fields say now."""
        for order in _ORDERS:
            if (key := sort_key(deployment, order)) is not None:
                for scope in _scopes(deployment):
                    insort(self._keys.setdefault((order, scope), []), key)

    def remove(self, deployment: Deployment) -> None:
        """Forget a deployment; its fields must still be those it was added with."""
        for order in _ORDERS:
            if (key := sort_key(deployment, order)) is not None:
                for scope in _scopes(deployment):
                    keys = self._keys[order, scope]
                    del keys[bisect_left(keys, key)]

    def select(
        self,
        scope: Scope,
        order: Order = "id",
        *,
        start: Key | None = None,
        stop: Key | None = None,
    ) -> Selection:
        """Find the deployments of a scope.

        Args:
            scope: Environment id and status, None for any.
            order: What to sort by, ascending; deployments without that time are left out.
            start: Lowest key, itself included.
            stop: Highest key, itself excluded.

        Returns:
            The ids, unread until a page is asked for.
        """
        keys = self._keys.get((order, scope), [])
        return Selection(
            keys,
            0 if start is None else bisect_left(keys, start),
            len(keys) if stop is None else bisect_left(keys, stop),
        )


def sort_key(deployment: Deployment, order: Order) -> Key | None:
    """Tell where a deployment stands in an order; None when it has no such time."""
    if order == "id":
        return EPOCH, deployment.id
    at = deployment.finished_at if order == "finished_at" else deployment.updated_at
    return None if at is None else (at, deployment.id)


def _scopes(deployment: Deployment) -> tuple[Scope, ...]:
    environment, status = deployment.environment.id, deployment.status
    return (None, None), (None, status), (environment, None), (environment, status)
