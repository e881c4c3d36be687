"""Reading which merge requests were linked to deployments: early once, and when they are final."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from exporter.dora.facts import MergeRequest, Project
from exporter.gitlab import GitLabSource, StoppedError
from exporter.instant import Instant, microseconds
from exporter.store import Links, LinkStore, Unsettled

log = logging.getLogger(__name__)

SETTLED = microseconds(timedelta(minutes=5))
"""GitLab links merge requests in the background, and itself waits this long before it computes."""

ASK_AGAIN = microseconds(timedelta(minutes=1))
"""A deployment without links is asked again this long after, until it is settled."""

TOGETHER = 20
"""So many deployments are stored together that are read one by one: a kill loses no more."""

Wanted = tuple[Project, Unsettled]


def worth_asking(one: Unsettled, now: Instant) -> bool:
    """Whether a deployment's links may have changed since they were read."""
    if one.links is Links.UNREAD or one.read_at is None:
        return True
    if now - one.finished_at >= SETTLED:
        return True
    return not one.linked and now - one.read_at >= ASK_AGAIN


class LinkReader:
    """Reads and stores the merge requests of deployments; safe to use from several threads."""

    def __init__(self, source: GitLabSource, links: LinkStore) -> None:
        self._source = source
        self._links = links

    def read(self, some: Sequence[Wanted]) -> dict[Project, Exception]:
        """Read the merge requests of some deployments, together where GitLab can.

        Returns:
            Why the rest of a project's could not be read, for each project that failed.

        Raises:
            StoppedError: if the exporter is shutting down.
        """
        by_project: dict[Project, list[Unsettled]] = defaultdict(list)
        for project, one in some:
            by_project[project].append(one)
        asked_at = self._source.now()
        told = self._source.linked(
            {project: [one.id for one in several] for project, several in by_project.items()}
        )
        failed: dict[Project, Exception] = {}
        for project, several in by_project.items():
            try:
                self._read_project(project.id, several, told, asked_at)
            except StoppedError:
                raise
            except Exception as error:  # noqa: BLE001 - one bad project stops no other
                failed[project] = error
        return failed

    def _read_project(
        self,
        project_id: int,
        several: Sequence[Unsettled],
        told: dict[int, list[MergeRequest]],
        asked_at: Instant,
    ) -> None:
        linked: dict[int, list[MergeRequest]] = {}
        final: set[int] = set()
        try:
            # Those first that were read already: a failure of the others must not lose them.
            for one in sorted(several, key=lambda one: one.id not in told):
                known = one.id in told
                now = asked_at if known else self._source.now()
                found = told[one.id] if known else self._source.merge_requests(project_id, one.id)
                # GitLab takes no link back: none any more means the environment was deleted.
                if found or not one.linked:
                    linked[one.id] = found
                if now - one.finished_at >= SETTLED:
                    final.add(one.id)
                if not known and len(linked) >= TOGETHER:
                    self._save(project_id, linked, final)
        finally:
            self._save(project_id, linked, final)

    def _save(
        self, project_id: int, linked: dict[int, list[MergeRequest]], final: set[int]
    ) -> None:
        """Store what was read, and forget it here."""
        if linked or final:
            self._links.save(project_id, linked, final=final, at=self._source.now())
            linked.clear()
            final.clear()
