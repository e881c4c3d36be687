"""Which merge requests each deployment brought, and which deployments are to be asked about."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, exists, select, update

from exporter.dora.facts import MergeRequest
from exporter.instant import Instant
from exporter.store import schema
from exporter.store.engine import Database
from exporter.store.readings import Links
from exporter.store.revisions import note_changes
from exporter.store.upsert import upsert


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A deployment whose merge requests are not final yet."""

    id: int
    finished_at: Instant
    links: Links
    read_at: Instant | None
    linked: bool


class LinkStore:
    """The merge requests of deployments, written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unsettled(self, project_id: int, *, include_first: bool) -> list[Unsettled]:
        """Return the deployments whose merge requests are not final, the newest first.

        Those of an environment's first deployment are left out unless they count.
        """
        deployments, links = schema.deployments, schema.links
        linked = exists().where(links.c.deployment_id == deployments.c.id)
        query = (
            select(
                deployments.c.id,
                deployments.c.finished_at,
                deployments.c.links,
                deployments.c.links_read_at,
                linked,
            )
            .where(deployments.c.project_id == project_id, deployments.c.links < Links.FINAL)
            .order_by(deployments.c.finished_at.desc(), deployments.c.id.desc())
        )
        if not include_first:
            query = query.where(~deployments.c.first)
        with self._database.reading() as connection:
            return [
                Unsettled(row[0], row[1], Links(row[2]), row[3], bool(row[4]))
                for row in connection.execute(query)
            ]

    def save(
        self,
        project_id: int,
        linked: Mapping[int, Sequence[MergeRequest]],
        *,
        final: Collection[int],
        at: Instant,
    ) -> None:
        """Store the merge requests of some deployments in place of those stored before.

        Args:
            project_id: of the deployments and of their merge requests.
            linked: merge requests by deployment.
            final: the deployments that need not be asked again; of those that ``linked`` leaves
                out, the stored merge requests stay.
            at: when they were read.
        """
        links, deployments = schema.links, schema.deployments
        with self._database.writing() as connection:
            connection.execute(delete(links).where(links.c.deployment_id.in_(list(linked))))
            upsert(
                connection,
                schema.merge_requests,
                (
                    {
                        "project_id": project_id,
                        "iid": one.iid,
                        "merged_at": one.merged_at,
                        "target_branch": one.target_branch,
                        "author": one.author,
                    }
                    for merge_requests in linked.values()
                    for one in merge_requests
                ),
                ["merged_at", "target_branch", "author"],
                # REST tells milliseconds, GraphQL whole seconds: the order must not matter.
                precise=["merged_at"],
            )
            upsert(
                connection,
                links,
                (
                    {"deployment_id": deployment_id, "iid": one.iid}
                    for deployment_id, merge_requests in linked.items()
                    for one in merge_requests
                ),
            )
            for settled, state in ((True, Links.FINAL), (False, Links.EARLY)):
                ids = [one for one in {*linked, *final} if (one in final) is settled]
                connection.execute(
                    update(deployments)
                    .where(deployments.c.id.in_(ids))
                    .values(links=state, links_read_at=at)
                )
            note_changes(connection, [project_id])
