"""What the numbers are made of: the reading side of the facts."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import groupby
from operator import itemgetter

from sqlalchemy import select

from exporter.dora.facts import Deployment, Environment, MergeRequest
from exporter.store import schema
from exporter.store.engine import Database


class HistoryStore:
    """Deployments with their merge requests, environments and counters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def deployments(
        self, project_ids: Collection[int], *, with_first: bool
    ) -> Iterator[tuple[int, list[Deployment]]]:
        """Yield, by project, its stored deployments.

        Some may have finished after the last complete poll of the project, and their merge
        requests not be read yet. The merge requests of first deployments come only where
        ``with_first`` asks for them.
        """
        deployments = schema.deployments
        merge_requests, links = schema.merge_requests, schema.links
        asked = deployments.c.project_id.in_(list(project_ids))
        linked_to = select(
            deployments.c.project_id,
            links.c.deployment_id,
            merge_requests.c.iid,
            merge_requests.c.merged_at,
            merge_requests.c.target_branch,
            merge_requests.c.author,
        ).select_from(
            deployments.join(links, links.c.deployment_id == deployments.c.id).join(
                merge_requests,
                (merge_requests.c.project_id == deployments.c.project_id)
                & (merge_requests.c.iid == links.c.iid),
            )
        )
        if not with_first:
            linked_to = linked_to.where(~deployments.c.first)
        with self._database.reading() as connection:
            linked: dict[int, list[MergeRequest]] = defaultdict(list)
            for _, deployment_id, *merge_request in connection.execute(linked_to.where(asked)):
                linked[deployment_id].append(MergeRequest(*merge_request))
            rows = connection.execute(
                select(
                    deployments.c.project_id,
                    deployments.c.id,
                    deployments.c.environment_id,
                    deployments.c.finished_at,
                    deployments.c.first,
                )
                .where(asked)
                .order_by(deployments.c.project_id, deployments.c.finished_at)
            )
            for project_id, group in groupby(rows, key=itemgetter(0)):
                yield (
                    project_id,
                    [
                        Deployment(
                            row.id,
                            row.environment_id,
                            row.finished_at,
                            row.first,
                            tuple(linked.pop(row.id, ())),
                        )
                        for row in group
                    ],
                )

    def environments(self, project_ids: Collection[int]) -> dict[int, list[Environment]]:
        """Return, by project, every environment it has or had."""
        environments = schema.environments
        found: dict[int, list[Environment]] = defaultdict(list)
        with self._database.reading() as connection:
            for row in connection.execute(
                select(
                    environments.c.id,
                    environments.c.project_id,
                    environments.c.name,
                    environments.c.tier,
                    environments.c.oldest_deployment_id,
                ).where(environments.c.project_id.in_(list(project_ids)))
            ):
                found[row.project_id].append(Environment(*row))
        return found

    def counters(self) -> dict[tuple[str, int, str], int]:
        """Return the deployments ever counted, by kind (project or group), id and tier."""
        counters = schema.counters
        with self._database.reading() as connection:
            rows = connection.execute(
                select(counters.c.kind, counters.c.id, counters.c.tier, counters.c.deployments)
            )
            return {(kind, number, tier): total for kind, number, tier, total in rows}
