"""Which deployments are the first of their environment: their merge requests may not count."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import Connection, func, select, update

from exporter.batches import in_batches
from exporter.dora.arithmetic import first_deployments
from exporter.instant import Instant
from exporter.store import schema
from exporter.store.engine import PARAMETERS


def mark_first(connection: Connection, environment_ids: Collection[int], lowest: int) -> None:
    """Take the mark from deployments of some environments that are not the first there.

    None is given back here: more deployments can only take more marks, and forgotten ones would
    give some back wrongly.

    Args:
        connection: in the transaction that changes them.
        environment_ids: of environments with new deployments; these all have the mark.
        lowest: none that is new has a lower id. Those below keep their marks, if any has one, and
            of them only the lowest id and the earliest finish matter to the others.
    """
    for some in in_batches(sorted(environment_ids), PARAMETERS):
        _mark_first(connection, some, lowest)


def _mark_first(connection: Connection, environment_ids: Collection[int], lowest: int) -> None:
    deployments, environments = schema.deployments, schema.environments
    here = deployments.c.environment_id.in_(environment_ids)
    below = (
        select(
            deployments.c.environment_id,
            func.min(deployments.c.id),
            func.min(deployments.c.finished_at),
        )
        .where(here, deployments.c.id < lowest)
        .group_by(deployments.c.environment_id)
    )
    others = select(
        deployments.c.environment_id, deployments.c.id, deployments.c.finished_at
    ).where(here, deployments.c.id >= lowest)
    rows: dict[int, list[tuple[int, Instant]]] = defaultdict(list)
    for query in (below, others):
        for environment_id, number, finished_at in connection.execute(query):
            rows[environment_id].append((number, finished_at))
    oldest = select(environments.c.id, environments.c.oldest_deployment_id).where(
        environments.c.id.in_(environment_ids)
    )
    unmarked: list[int] = []
    without: list[int] = []
    for environment_id, oldest_id in connection.execute(oldest):
        found = rows[environment_id]
        first = first_deployments(found, oldest_id)
        if first:
            unmarked += [one for one, _ in found if one >= lowest and one not in first]
        else:  # an older one is known of, so none has kept its mark
            without.append(environment_id)
    for column, those in ((deployments.c.id, unmarked), (deployments.c.environment_id, without)):
        for some in in_batches(sorted(those), PARAMETERS):
            connection.execute(
                update(deployments).where(column.in_(some), deployments.c.first).values(first=False)
            )
