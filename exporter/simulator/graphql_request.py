"""What one GraphQL query knows while it is executed, and its connections."""

import base64
import binascii
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from graphql import GraphQLError

from exporter.simulator.access import Caller
from exporter.simulator.world import World

LARGEST_PAGE: Final = 100
T = TypeVar("T")


@dataclass
class QueryContext:
    """The state of one query; in a multiplex each query has its own.

    Attributes:
        complexity: What the query was found to cost, before it ran.
        limit: What it may cost.
        calls: How often each field of limited use was resolved.
    """

    world: World
    caller: Caller
    base_url: str
    complexity: int
    limit: int
    calls: Counter[str] = field(default_factory=Counter)

    def once(self, field_name: str, type_name: str) -> None:
        """Count a use of a field that a query may resolve for one object only.

        Raises:
            GraphQLError: From the second use on.
        """
        self.calls[field_name] += 1
        if self.calls[field_name] > 1:
            raise GraphQLError(
                f'"{field_name}" field can be requested only for 1 {type_name}(s) at a time.'
            )


def page_size(first: int | None) -> int:
    """Tell how many nodes a connection shows.

    Raises:
        GraphQLError: When fewer than none are asked for.
    """
    if first is not None and first < 0:
        raise GraphQLError("`first` must not be negative")
    return LARGEST_PAGE if first is None else min(first, LARGEST_PAGE)


def encode_cursor(position: object) -> str:
    """Make an opaque cursor of something JSON can hold."""
    return base64.b64encode(json.dumps(position).encode()).decode()


def decode_cursor(cursor: str) -> object:
    """Read a cursor made by `encode_cursor`.

    Raises:
        GraphQLError: When it was not made by it.
    """
    try:
        position: object = json.loads(base64.b64decode(cursor, validate=True))
    except (binascii.Error, ValueError):
        raise GraphQLError("Please provide a valid cursor") from None
    return position


def connection(
    nodes: Sequence[T], cursor_of: Callable[[T], str], *, more: bool, skipped: bool
) -> dict[str, Any]:
    """Put a page of nodes into the shape of a connection."""
    cursors = [cursor_of(node) for node in nodes]
    return {
        "nodes": nodes,
        "edges": [
            {"cursor": cursor, "node": node} for cursor, node in zip(cursors, nodes, strict=True)
        ],
        "pageInfo": {
            "hasNextPage": more,
            "hasPreviousPage": skipped,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }


def list_connection(
    rows: Sequence[T], identify: Callable[[T], int], first: int | None, after: str | None
) -> dict[str, Any]:
    """Make a connection over rows that are all at hand; the cursor holds the last row's id."""
    size, start = page_size(first), 0
    if after:
        wanted = decode_cursor(after)
        start = next((n for n, row in enumerate(rows, 1) if identify(row) == wanted), len(rows))
    shown = connection(
        rows[start : start + size],
        lambda row: encode_cursor(identify(row)),
        more=start + size < len(rows),
        skipped=start > 0,
    )
    return shown | {"count": len(rows)}
