"""Deployments ever counted, of projects and groups: numbers that only grow."""

from collections import Counter

from sqlalchemy import Connection, bindparam, update

from exporter.store import schema
from exporter.store.upsert import upsert

Key = tuple[str, int, str]
"""Kind (project or group), id and tier."""


def count(connection: Connection, new: Counter[Key]) -> None:
    """Add the new deployments to the counters."""
    if not new:
        return
    counters = schema.counters
    # In one order for all writers, so that no two wait for each other.
    rows = [
        {"of_kind": kind, "of_id": number, "of_tier": tier, "more": more}
        for (kind, number, tier), more in sorted(new.items())
    ]
    upsert(
        connection,
        counters,
        [
            {"kind": row["of_kind"], "id": row["of_id"], "tier": row["of_tier"], "deployments": 0}
            for row in rows
        ],
    )
    connection.execute(
        update(counters)
        .where(
            counters.c.kind == bindparam("of_kind"),
            counters.c.id == bindparam("of_id"),
            counters.c.tier == bindparam("of_tier"),
        )
        .values(deployments=counters.c.deployments + bindparam("more")),
        rows,
    )
