"""Which merge requests each deployment brought, and which deployments are to be asked about."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, literal_column, select, update

from exporter.dora.facts import LinkMethod, MergeRequest
from exporter.instant import Instant
from exporter.store import schema
from exporter.store.engine import Database
from exporter.store.readings import Links
from exporter.store.revisions import note_changes
from exporter.store.upsert import upsert

# No parameter: an index holds these alone, and is used only where the condition is the same text.
_NOT_FINAL = schema.deployments.c.links < literal_column(str(int(Links.FINAL)))


class Method(IntEnum):
    """Who found that a deployment brought a merge request."""

    GITLAB = 0
    COMPARE = 1


METHODS: Mapping[int, LinkMethod] = {
    Method.GITLAB: LinkMethod.GITLAB,
    Method.COMPARE: LinkMethod.COMPARE,
}


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A deployment whose merge requests were not read when they were final.

    ``linked`` says that some are stored: an earlier version read them early.
    """

    id: int
    project_id: int
    finished_at: Instant
    linked: bool = False


def unsettled_query(*, include_first: bool) -> Select[Any]:
    """Return the query for the deployments whose merge requests are not final."""
    deployments, links = schema.deployments, schema.links
    linked = exists().where(links.c.deployment_id == deployments.c.id)
    query = (
        select(deployments.c.id, deployments.c.project_id, deployments.c.finished_at, linked)
        .where(_NOT_FINAL)
        .order_by(deployments.c.finished_at.desc(), deployments.c.id.desc())
    )
    return query if include_first else query.where(~deployments.c.first)


def save_merge_requests(
    connection: Connection, project_id: int, merge_requests: Iterable[MergeRequest]
) -> None:
    """Store merge requests of a project, in place of what is stored of them."""
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
            for one in merge_requests
        ),
        ["merged_at", "target_branch", "author"],
        # REST tells milliseconds, GraphQL whole seconds: the order must not matter.
        precise=["merged_at"],
    )


class LinkStore:
    """The merge requests of deployments, written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unsettled(
        self, *, include_first: bool, project_ids: Collection[int] | None = None
    ) -> list[Unsettled]:
        """Return the deployments whose merge requests are not final, the newest first.

        Args:
            include_first: whether those of an environment's first deployment count.
            project_ids: of all projects if None.
        """
        query = unsettled_query(include_first=include_first)
        if project_ids is not None:
            query = query.where(schema.deployments.c.project_id.in_(list(project_ids)))
        with self._database.reading() as connection:
            return [
                Unsettled(row[0], row[1], row[2], bool(row[3])) for row in connection.execute(query)
            ]

    def save(
        self,
        project_id: int,
        linked: Mapping[int, Sequence[MergeRequest]],
        *,
        unchanged: Collection[int] = (),
        at: Instant,
    ) -> None:
        """Store the merge requests of some deployments, in place of any that are stored, for good.

        Args:
            project_id: of the deployments and of their merge requests.
            linked: merge requests by deployment.
            unchanged: deployments whose stored merge requests are final.
            at: when they were read.
        """
        links, deployments = schema.links, schema.deployments
        with self._database.writing() as connection:
            connection.execute(delete(links).where(links.c.deployment_id.in_(list(linked))))
            save_merge_requests(
                connection, project_id, (one for several in linked.values() for one in several)
            )
            upsert(
                connection,
                links,
                (
                    {"deployment_id": deployment_id, "iid": one.iid, "method": Method.GITLAB}
                    for deployment_id, merge_requests in linked.items()
                    for one in merge_requests
                ),
            )
            connection.execute(
                update(deployments)
                .where(deployments.c.id.in_([*linked, *unchanged]))
                .values(links=Links.FINAL, links_read_at=at)
            )
            note_changes(connection, [project_id])
