"""All that is stored of the deployments of a range: what explains a number."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.sql import ColumnElement

from exporter.batches import in_batches
from exporter.dora.facts import Environment, MergeRequest
from exporter.instant import Instant
from exporter.store import schema
from exporter.store.engine import Database
from exporter.store.links import METHODS
from exporter.store.readings import Links

_PROJECTS_A_QUERY = 500
"""So that a statement stays short."""


@dataclass(frozen=True, slots=True)
class StoredDeployment:
    """A stored deployment with its merge requests; ``final`` says that these were read for good.

    ``finish_source`` is as in :class:`exporter.store.readings.SeenDeployment`. A merge request of
    which nothing is stored but its link has neither a time nor a branch nor an author.
    """

    id: int
    iid: int
    environment: Environment
    ref: str
    sha: str
    finished_at: Instant
    finish_source: str
    first: bool
    final: bool
    merge_requests: tuple[MergeRequest, ...] = ()


class ProvenanceStore:
    """Answers what is stored of some projects in a range, and reads nothing else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def deployments(
        self,
        project_ids: Collection[int],
        begins: Instant,
        ends: Instant,
        *,
        with_merge_requests: bool = True,
    ) -> list[StoredDeployment]:
        """Return the deployments of some projects with ``begins <= finished_at < ends``.

        They come in any order, and all as they were at one moment; where no merge requests are
        wanted they have none.
        """
        found: list[StoredDeployment] = []
        with self._database.one_state():
            for some in in_batches(sorted(project_ids), _PROJECTS_A_QUERY):
                table = schema.deployments.c
                asked = and_(
                    table.project_id.in_(some),
                    table.finished_at >= begins,
                    table.finished_at < ends,
                )
                linked = self._merge_requests(asked) if with_merge_requests else {}
                found.extend(self._deployments(asked, linked))
        return found

    def _deployments(
        self, asked: ColumnElement[bool], linked: Mapping[int, Sequence[MergeRequest]]
    ) -> Iterator[StoredDeployment]:
        deployments, environments = schema.deployments.c, schema.environments.c
        query = select(
            deployments.id,
            deployments.iid,
            environments.id.label("environment_id"),
            environments.project_id,
            environments.name,
            environments.tier,
            deployments.ref,
            deployments.sha,
            deployments.finished_at,
            deployments.finish_source,
            deployments.first,
            deployments.links,
        ).join_from(schema.deployments, schema.environments)
        with self._database.reading() as connection:
            rows = connection.execute(query.where(asked)).all()
        for row in rows:
            yield _deployment(row, tuple(linked.get(row.id, ())))

    def _merge_requests(self, asked: ColumnElement[bool]) -> dict[int, list[MergeRequest]]:
        deployments, links = schema.deployments.c, schema.links.c
        changes = schema.merge_requests.c
        of_link = (changes.project_id == deployments.project_id) & (changes.iid == links.iid)
        query = (
            select(
                links.deployment_id,
                links.iid,
                changes.merged_at,
                changes.target_branch,
                changes.author,
                links.method,
            )
            .join_from(schema.deployments, schema.links)
            .outerjoin(schema.merge_requests, of_link)
        )
        found: dict[int, list[MergeRequest]] = defaultdict(list)
        with self._database.reading() as connection:
            for deployment, iid, merged_at, branch, author, method in connection.execute(
                query.where(asked)
            ):
                found[deployment].append(
                    MergeRequest(iid, merged_at, branch or "", author or "", METHODS[method])
                )
        return found


def _deployment(row: Any, merge_requests: tuple[MergeRequest, ...]) -> StoredDeployment:
    return StoredDeployment(
        id=row.id,
        iid=row.iid,
        environment=Environment(row.environment_id, row.project_id, row.name, row.tier),
        ref=row.ref,
        sha=row.sha,
        finished_at=row.finished_at,
        finish_source=row.finish_source,
        first=row.first,
        final=row.links >= Links.FINAL,
        merge_requests=merge_requests,
    )
