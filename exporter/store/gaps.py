"""Deployments to which GitLab linked no merge request, and what was found for them instead."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, exists, select, update

from exporter.batches import in_batches
from exporter.dora.facts import MergeRequest
from exporter.instant import Instant
from exporter.store import schema
from exporter.store.engine import PARAMETERS, Database
from exporter.store.links import Method, save_merge_requests
from exporter.store.readings import Links
from exporter.store.revisions import note_changes
from exporter.store.upsert import upsert


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment among those of its environment.

    ``settled`` says that its merge requests are final or never read, ``gap`` that they are final
    and that there are none, and nobody looked for them elsewhere. ``rolled_back`` says that
    everything in it had been deployed before.
    """

    id: int
    sha: str
    settled: bool
    gap: bool
    rolled_back: bool


class GapStore:
    """Finds gaps, and keeps what fills them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, project_ids: Collection[int]) -> dict[int, list[list[Deployed]]]:
        """Return, by project, all deployments of each environment that has gaps, by their finish.

        First deployments of an environment are no gaps: there is nothing before them.
        """
        deployments, links = schema.deployments.c, schema.links
        linked = exists().where(links.c.deployment_id == deployments.id)
        gap = (deployments.links == Links.FINAL) & ~deployments.first & ~linked
        found: dict[int, list[list[Deployed]]] = defaultdict(list)
        with self._database.one_state(), self._database.reading() as connection:
            with_gaps = (
                select(deployments.environment_id)
                .where(deployments.project_id.in_(list(project_ids)), gap)
                .distinct()
            )
            for some in in_batches(list(connection.execute(with_gaps).scalars()), PARAMETERS):
                rows = connection.execute(
                    select(
                        deployments.project_id,
                        deployments.environment_id,
                        deployments.id,
                        deployments.sha,
                        deployments.links,
                        deployments.first,
                        gap,
                    )
                    .where(deployments.environment_id.in_(some))
                    .order_by(deployments.environment_id, deployments.finished_at, deployments.id)
                )
                for (project_id, _), several in groupby(rows, key=lambda row: (row[0], row[1])):
                    found[project_id].append(
                        [
                            Deployed(
                                number,
                                sha,
                                settled=links >= Links.FINAL or first,
                                gap=bool(is_gap),
                                rolled_back=links == Links.NOTHING_NEW,
                            )
                            for _, _, number, sha, links, first, is_gap in several
                        ]
                    )
        return found

    def save(
        self,
        project_id: int,
        found: Mapping[int, Sequence[MergeRequest]],
        *,
        nothing_new: Collection[int] = (),
        at: Instant,
    ) -> int:
        """Store what was found for deployments without links, for good.

        A merge request is linked once in each environment, to the first deployment that brought it.

        Args:
            project_id: of the deployments.
            found: merge requests by deployment, in the order of their finishes.
            nothing_new: deployments that brought no commit.
            at: when they were looked for.

        Returns:
            How many links were stored.
        """
        deployments = schema.deployments
        with self._database.writing() as connection:
            query = select(deployments.c.id, deployments.c.environment_id).where(
                deployments.c.id.in_([*found, *nothing_new])
            )
            # Those that the retention took meanwhile are not there any more.
            environments: dict[int, int] = {row[0]: row[1] for row in connection.execute(query)}
            kept = {one: some for one, some in found.items() if one in environments}
            linked = _linked(
                connection,
                {environments[one] for one, some in kept.items() if some},
                {change.iid for some in kept.values() for change in some},
            )
            new: list[tuple[int, MergeRequest]] = []
            for one, some in kept.items():
                for change in some:
                    key = environments[one], change.iid
                    if key not in linked:
                        linked.add(key)
                        new.append((one, change))
            save_merge_requests(connection, project_id, (change for _, change in new))
            upsert(
                connection,
                schema.links,
                (
                    {"deployment_id": one, "iid": change.iid, "method": Method.COMPARE}
                    for one, change in new
                ),
            )
            for some_ids, state in ((kept, Links.COMPARED), (nothing_new, Links.NOTHING_NEW)):
                connection.execute(
                    update(deployments)
                    .where(deployments.c.id.in_(list(some_ids)))
                    .values(links=state, links_read_at=at)
                )
            if new:
                note_changes(connection, [project_id])
        return len(new)


def _linked(
    connection: Connection, environment_ids: Iterable[int], iids: Iterable[int]
) -> set[tuple[int, int]]:
    """Return which of some merge requests are linked in which of some environments."""
    deployments, links = schema.deployments.c, schema.links
    asked = sorted(environment_ids)
    found: set[tuple[int, int]] = set()
    for some in in_batches(sorted(iids), PARAMETERS):
        query = (
            select(deployments.environment_id, links.c.iid)
            .join_from(schema.deployments, links)
            .where(deployments.environment_id.in_(asked), links.c.iid.in_(some))
        )
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found
