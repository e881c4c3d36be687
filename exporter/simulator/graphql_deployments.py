"""GraphQL: the deployments of an environment."""

from datetime import datetime
from typing import Any, Final

from graphql import GraphQLError

from exporter.simulator.deployment_index import Key, Order, sort_key
from exporter.simulator.graphql_request import (
    connection,
    decode_cursor,
    encode_cursor,
    page_size,
)
from exporter.simulator.records import FINISHED_STATUSES
from exporter.simulator.world import Deployment, Environment, World

_UPCOMING_STATUSES: Final = frozenset({"created", "blocked", "running"})


def deployments(
    world: World, environment: Environment, arguments: dict[str, Any]
) -> dict[str, Any]:
    """Answer `Environment.deployments`.

    Args:
        world: The instance.
        environment: Whose deployments.
        arguments: `statuses`, `orderBy`, `first` and `after`, each where given.

    Returns:
        A connection, newest first unless told otherwise; its cursors keep their place when
        deployments are added.

    Raises:
        GraphQLError: For what GitLab's finder refuses.
    """
    statuses = [status.lower() for status in arguments.get("statuses") or ()]
    order, descending = _order(arguments.get("orderBy") or {})
    if order == "finished_at" and not FINISHED_STATUSES.intersection(statuses):
        raise GraphQLError(
            "`finished_at` sort requires `finished_at` filter or a filter with at least one of"
            " the finished statuses."
        )
    if FINISHED_STATUSES.intersection(statuses) and _UPCOMING_STATUSES.intersection(statuses):
        raise GraphQLError("finished statuses and upcoming statuses must be separately queried.")
    size = page_size(arguments.get("first"))
    position = _position(arguments.get("after"))
    found = _page(
        world,
        environment,
        statuses,
        order,
        position=position,
        limit=size + 1,
        descending=descending,
    )
    return connection(
        found[:size],
        lambda deployment: _cursor(deployment, order),
        more=len(found) > size,
        skipped=position is not None,
    )


def last_deployment(world: World, environment: Environment, status: str) -> Deployment | None:
    """Answer `Environment.lastDeployment`: by end for an ended status, else by id."""
    order: Order = "finished_at" if status in FINISHED_STATUSES else "id"
    found = _page(world, environment, [status], order, limit=1)
    return found[0] if found else None


def _page(
    world: World,
    environment: Environment,
    statuses: list[str],
    order: Order,
    *,
    limit: int,
    position: Key | None = None,
    descending: bool = True,
) -> list[Deployment]:
    start = stop = None
    if position is not None and descending:
        stop = position
    elif position is not None:
        start = (position[0], position[1] + 1)
    index = world.index(environment.project)
    numbers = [
        number
        for status in dict.fromkeys(statuses) or (None,)
        for number in index.select((environment.id, status), order, start=start, stop=stop).page(
            0, limit, descending=descending
        )
    ]
    found = [world.deployments[number] for number in numbers]
    found.sort(key=lambda row: sort_key(row, order) or (row.created_at, 0), reverse=descending)
    return found[:limit]


def _order(order_by: dict[str, str]) -> tuple[Order, bool]:
    if len(order_by) > 1:
        raise GraphQLError("orderBy parameter must contain one key-value pair.")
    # GitLab turns the order by creation into the order by id.
    order: Order = "finished_at" if "finishedAt" in order_by else "id"
    return order, next(iter(order_by.values()), "DESC") == "DESC"


def _cursor(deployment: Deployment, order: Order) -> str:
    at, number = sort_key(deployment, order) or (deployment.created_at, deployment.id)
    return encode_cursor([at.isoformat(), number])


def _position(cursor: str | None) -> Key | None:
    if not cursor:
        return None
    match decode_cursor(cursor):
        case [str() as at, int() as number]:
            return datetime.fromisoformat(at), number
        case _:
            raise GraphQLError("Please provide a valid cursor")
