"""Reading which merge requests were linked to deployments: once, when they are final."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from exporter.dora.facts import LinkMethod, MergeRequest, Project
from exporter.gitlab import GitLabSource, StoppedError
from exporter.instant import Instant, microseconds
from exporter.logs import fields
from exporter.poller.refusals import Refusals
from exporter.store import Store, Unsettled, UnusableError

log = logging.getLogger(__name__)

SETTLED = microseconds(timedelta(minutes=5))
"""GitLab links merge requests in the background, and itself waits this long before it computes."""

OVERDUE = SETTLED + microseconds(timedelta(minutes=5))
"""After this no other request is waited for that could take the question along."""

TOGETHER = 20
"""So many deployments are stored together that are read one by one: a kill loses no more."""

ALONG = 60
"""Deployments whose merge requests are asked for along with other things."""

Wanted = tuple[Project, Unsettled]


def settled(one: Unsettled, now: Instant) -> bool:
    """Whether a deployment's merge requests are final, ``now`` by GitLab's clock."""
    return now - one.finished_at >= SETTLED


def by_project(some: Iterable[Wanted]) -> dict[Project, list[Wanted]]:
    """Return the same by project."""
    found: dict[Project, list[Wanted]] = defaultdict(list)
    for one in some:
        found[one[0]].append(one)
    return found


def ids_of(some: Iterable[Wanted]) -> dict[Project, list[int]]:
    """Return the ids of deployments by project."""
    return {
        project: [one.id for _, one in several] for project, several in by_project(some).items()
    }


class LinkReader:
    """Reads and stores the merge requests of deployments; safe to use from several threads."""

    def __init__(
        self,
        source: GitLabSource,
        store: Store,
        count: Callable[[str, int], object] = lambda _method, _number: None,
    ) -> None:
        """Read from a source.

        Args:
            source: asked.
            store: keeps them.
            count: told how links were found, and how many.
        """
        self._count = count
        self._source = source
        self._store = store
        self._untold: set[int] = set()

    def take(self, some: Sequence[Wanted], told: Mapping[int, list[MergeRequest]]) -> list[Wanted]:
        """Store what is told of some deployments already; return those that are left to read."""
        self._save_together(some, told)
        left = [one for one in some if one[1].id not in told]
        if told:  # GraphQL tells of the others nothing, or not all
            self._untold = {one.id for _, one in left}
        return left

    def read(self, some: Sequence[Wanted]) -> dict[Project, Exception]:
        """Read the merge requests of some deployments, together where GitLab can.

        Returns:
            Why the rest of a project's could not be read, for each project that failed.

        Raises:
            StoppedError: if the exporter is shutting down.
            UnusableError: if nothing can be stored.
            UnauthorizedError: if GitLab refuses the token, not only once.
        """
        told = self._source.linked(ids_of(one for one in some if one[1].id not in self._untold))
        failed: dict[Project, Exception] = {}
        left = [one for one in some if one[1].id not in told]
        try:
            self._save_together(some, told)
        except UnusableError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad project stops no other
            log.info(
                "merge requests cannot be stored together, those of each project are by themselves",
                extra=fields(error=str(error)),
            )
            left = list(some)
        refusals = Refusals()
        for project, several in by_project(left).items():
            try:
                with refusals.heeded():
                    self._read_project(project.id, [one for _, one in several], told)
            except (StoppedError, UnusableError):
                raise
            except Exception as error:  # noqa: BLE001 - one bad project stops no other
                failed[project] = error
        refusals.check()
        return failed

    def _save_together(
        self, some: Iterable[Wanted], told: Mapping[int, list[MergeRequest]]
    ) -> None:
        """Store what is told of some deployments, if any, in one transaction or nothing."""
        found = by_project(one for one in some if one[1].id in told)
        if not found:
            return
        with self._store.one_write():
            for project, several in found.items():
                self._save(project.id, {one: told[one.id] for _, one in several})

    def _read_project(
        self,
        project_id: int,
        several: Sequence[Unsettled],
        told: Mapping[int, list[MergeRequest]],
    ) -> None:
        read: dict[Unsettled, list[MergeRequest]] = {}
        try:
            # Those first that were read already: a failure of the others must not lose them.
            for one in sorted(several, key=lambda one: one.id not in told):
                known = one.id in told
                read[one] = (
                    told[one.id] if known else self._source.merge_requests(project_id, one.id)
                )
                if not known and len(read) >= TOGETHER:
                    self._save(project_id, read)
        finally:
            self._save(project_id, read)

    def _save(self, project_id: int, read: dict[Unsettled, list[MergeRequest]]) -> None:
        """Store what was read, and forget it here."""
        if read:
            # GitLab takes no link back: none any more means the environment was deleted.
            linked = {one.id: found for one, found in read.items() if found or not one.linked}
            unchanged = [one.id for one in read if one.id not in linked]
            self._store.links.save(project_id, linked, unchanged=unchanged, at=self._source.now())
            self._count(LinkMethod.GITLAB, sum(map(len, linked.values())))
            read.clear()
