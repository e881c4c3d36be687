"""What polls bring: deployments and environments, and how far each project was read.

A poll of one project is several transactions, each of which leaves the store whole: first the
deployments together with the cursor from which the next poll asks, then the merge requests of a
few deployments at a time (:mod:`exporter.store.links`), last the moment up to which the project is
known. Killed in between, the next poll goes on where this one stopped.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, select, tuple_, update

from exporter.batches import in_batches
from exporter.dora.facts import Environment
from exporter.instant import Instant
from exporter.store import counting, schema
from exporter.store.engine import PARAMETERS, Database
from exporter.store.firsts import mark_first
from exporter.store.revisions import note_changes
from exporter.store.upsert import upsert


class Links(IntEnum):
    """How far the merge requests of a deployment were read.

    Between the two, 1 was written by versions that read them before they were final; such a
    deployment may have some, and is read again. ``COMPARED`` are those to which GitLab linked none
    and whose commits were asked for instead, ``NOTHING_NEW`` those of them that had no new commit.
    """

    UNREAD = 0
    FINAL = 2
    COMPARED = 3
    NOTHING_NEW = 4


@dataclass(frozen=True, slots=True)
class SeenDeployment:
    """A successful deployment as GitLab answered it.

    ``finish_source`` says where ``finished_at`` was read: ``deployment`` is exact, ``job`` is the
    end of its job, ``updated_at`` and ``created_at`` are the best guess left, and ``unconfirmed``
    is one of these guesses for a deployment that GitLab no longer tells of.
    """

    id: int
    iid: int
    environment_id: int
    ref: str
    sha: str
    created_at: Instant | None
    finished_at: Instant
    finish_source: str


@dataclass(frozen=True, slots=True)
class ProjectState:
    """How far a project was read. ``cursor`` is None before its first deployments were stored."""

    cursor: Instant | None = None
    covered_since: Instant | None = None
    complete: bool = False
    environments: Mapping[int, Environment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """The deployments and environments that one poll of a project brought.

    ``environments`` holds at least those of ``deployments``. Where ``all_environments`` is true it
    holds all that exist, so that one that is missing was deleted. ``corrected`` are stored
    deployments whose finish is known better now.
    """

    deployments: Sequence[SeenDeployment]
    environments: Sequence[Environment]
    all_environments: bool
    cursor: Instant
    covered_since: Instant
    complete: bool
    corrected: Sequence[SeenDeployment] = ()


@dataclass(frozen=True, slots=True)
class News:
    """What a poll brought of one project, and where its new deployments count.

    ``tiers`` has the tier for which each environment of the new deployments counts, ``group_ids``
    the groups whose counters they count in too.
    """

    project_id: int
    reading: Reading
    tiers: Mapping[int, str]
    group_ids: Collection[int]


Listed = tuple[str, str | None]
"""Name and tier of an environment."""


class ReadingStore:
    """The writing side of the facts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def state(self, project_id: int) -> ProjectState:
        """Return how far a project was read."""
        return self.states([project_id])[project_id]

    def states(self, project_ids: Collection[int]) -> dict[int, ProjectState]:
        """Return, by project, how far each was read."""
        projects, environments = schema.projects, schema.environments
        found = dict.fromkeys(project_ids, ProjectState())
        known: dict[int, dict[int, Environment]] = defaultdict(dict)
        with self._database.reading() as connection:
            for some in in_batches(sorted(found), PARAMETERS):
                listed = connection.execute(
                    select(
                        environments.c.id,
                        environments.c.project_id,
                        environments.c.name,
                        environments.c.tier,
                        environments.c.oldest_deployment_id,
                    ).where(environments.c.project_id.in_(some))
                )
                for one in listed:
                    known[one.project_id][one.id] = Environment(*one)
                read = select(
                    projects.c.id, projects.c.cursor, projects.c.covered_since, projects.c.complete
                ).where(projects.c.id.in_(some))
                for row in connection.execute(read):
                    found[row.id] = ProjectState(
                        row.cursor, row.covered_since, row.complete, known.get(row.id, {})
                    )
        return found

    def guessed(self, project_id: int) -> list[SeenDeployment]:
        """Return the deployments whose finish is a guess that GitLab might still make exact."""
        deployments = schema.deployments
        with self._database.reading() as connection:
            rows = connection.execute(
                select(
                    deployments.c.id,
                    deployments.c.iid,
                    deployments.c.environment_id,
                    deployments.c.ref,
                    deployments.c.sha,
                    deployments.c.created_at,
                    deployments.c.finished_at,
                    deployments.c.finish_source,
                ).where(
                    deployments.c.project_id == project_id,
                    deployments.c.finish_source.not_in(["deployment", "unconfirmed"]),
                )
            )
            return [SeenDeployment(*row) for row in rows]

    def guessing(self) -> set[int]:
        """Return the projects with deployments whose finish GitLab might still make exact."""
        deployments = schema.deployments
        query = (
            select(deployments.c.project_id)
            .where(deployments.c.finish_source.not_in(["deployment", "unconfirmed"]))
            .distinct()
        )
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def listed(self, project_ids: Collection[int]) -> dict[int, dict[int, Listed]]:
        """Return, by project and id, the environments that GitLab listed last."""
        environments = schema.environments
        found: dict[int, dict[int, Listed]] = defaultdict(dict)
        with self._database.reading() as connection:
            for some in in_batches(sorted(project_ids), PARAMETERS):
                query = select(
                    environments.c.project_id,
                    environments.c.id,
                    environments.c.name,
                    environments.c.tier,
                ).where(environments.c.project_id.in_(some), environments.c.listed)
                for project_id, number, name, tier in connection.execute(query):
                    found[project_id][number] = name, tier
        return found

    def cursors(self) -> dict[int, Instant]:
        """Return, by project, from where the next poll asks: shortly before its newest finish."""
        projects = schema.projects
        query = select(projects.c.id, projects.c.cursor).where(projects.c.cursor.is_not(None))
        with self._database.reading() as connection:
            return {row.id: row.cursor for row in connection.execute(query)}

    def unknown(self, ids: Collection[int]) -> set[int]:
        """Return which of these deployments are not stored yet."""
        with self._database.reading() as connection:
            return set(ids) - _stored(connection, ids)

    def unshown(self, ids: Collection[int]) -> set[int]:
        """Return which of these deployments are not in the numbers yet.

        They are not stored, or finished after the last complete poll of their project began.
        """
        deployments, projects = schema.deployments, schema.projects
        shown: set[int] = set()
        with self._database.reading() as connection:
            for some in in_batches(sorted(ids), PARAMETERS):
                query = (
                    select(deployments.c.id)
                    .join(projects, projects.c.id == deployments.c.project_id)
                    .where(deployments.c.id.in_(some))
                    .where(deployments.c.finished_at <= projects.c.polled_at)
                )
                shown.update(connection.execute(query).scalars())
        return set(ids) - shown

    def environments_read_at(self) -> dict[int, Instant | None]:
        """Return, by project, when the environments of each were last read in full."""
        projects = schema.projects
        with self._database.reading() as connection:
            rows = connection.execute(select(projects.c.id, projects.c.environments_read_at))
            return {row.id: row.environments_read_at for row in rows}

    def save(
        self,
        project_id: int,
        reading: Reading,
        *,
        at: Instant,
        tiers: Mapping[int, str],
        group_ids: Collection[int],
    ) -> int:
        """Store what a poll brought, and count the new deployments.

        Args:
            project_id: whose reading it is.
            reading: deployments that are stored already are left as they are.
            at: when the poll began.
            tiers: the tier each environment of the new deployments counts for.
            group_ids: the groups whose counters the deployments count in too.

        Returns:
            How many deployments were new.
        """
        return self.save_all([News(project_id, reading, tiers, group_ids)], at=at)

    def save_all(self, news: Collection[News], *, at: Instant) -> int:
        """Store what a poll brought of some projects, all of it or nothing; see :meth:`save`."""
        with self._database.writing() as connection:
            _save_environments(
                connection,
                {one.project_id: one.reading.environments for one in news},
                all_of=[one.project_id for one in news if one.reading.all_environments],
                at=at,
            )
            seen = [(told, one) for told in news for one in told.reading.deployments]
            stored = _stored(connection, [one.id for _, one in seen])
            new = {one.id: (told, one) for told, one in seen if one.id not in stored}
            upsert(
                connection,
                schema.deployments,
                (
                    {
                        "id": one.id,
                        "project_id": told.project_id,
                        "environment_id": one.environment_id,
                        "iid": one.iid,
                        "ref": one.ref,
                        "sha": one.sha,
                        "created_at": one.created_at,
                        "finished_at": one.finished_at,
                        "finish_source": one.finish_source,
                        "first": True,  # until `mark_first` knows better
                        "links": Links.UNREAD,
                    }
                    for told, one in new.values()
                ),
            )
            moved = _correct(connection, [one for told in news for one in told.reading.corrected])
            changed = {one.environment_id for _, one in new.values()} | moved
            mark_first(connection, changed, 0 if moved else min(new, default=0))
            counting.count(
                connection,
                Counter(
                    (kind, number, told.tiers[one.environment_id])
                    for told, one in new.values()
                    for kind, number in _counting(told)
                ),
            )
            _note_reach(connection, news)
            note_changes(
                connection,
                {told.project_id for told, _ in new.values()}
                | {told.project_id for told in news if told.reading.corrected},
            )
        return len(new)

    def save_environments(
        self, project_id: int, listed: Collection[Environment], *, at: Instant
    ) -> None:
        """Store all environments that a project has now; the others are no longer listed."""
        with self._database.writing() as connection:
            _save_environments(connection, {project_id: listed}, all_of=[project_id], at=at)

    def prune(self, before: Instant) -> int:
        """Delete deployments that finished before an instant; return how many.

        The counters keep them, and an environment remembers that it had an older deployment.
        """
        deployments, links = schema.deployments, schema.links
        merge_requests, projects = schema.merge_requests, schema.projects
        old = deployments.c.finished_at < before
        with self._database.writing() as connection:
            connection.execute(
                update(projects)
                .where(projects.c.covered_since < before)
                .values(covered_since=before)
            )
            losing = set(
                connection.execute(select(deployments.c.project_id).where(old).distinct()).scalars()
            )
            if not losing:
                return 0
            for some in in_batches(sorted(losing), PARAMETERS):
                connection.execute(
                    update(projects).where(projects.c.id.in_(some)).values(complete=False)
                )
                _remember_oldest(connection, some, old)
            note_changes(connection, losing)
            connection.execute(
                delete(links).where(links.c.deployment_id.in_(select(deployments.c.id).where(old)))
            )
            gone = connection.execute(delete(deployments).where(old)).rowcount
            key = (merge_requests.c.project_id, merge_requests.c.iid)
            still_linked = select(deployments.c.project_id, links.c.iid).join(
                links, links.c.deployment_id == deployments.c.id
            )
            # A set difference, because a look-up for each merge request takes minutes.
            unlinked = select(*key).except_(still_linked)
            connection.execute(delete(merge_requests).where(tuple_(*key).in_(unlinked)))
        return gone


def _save_environments(
    connection: Connection,
    present: Mapping[int, Collection[Environment]],
    *,
    all_of: Collection[int],
    at: Instant,
) -> None:
    """Store environments by project; of ``all_of`` they are all that there are at that time."""
    environments, projects = schema.environments, schema.projects
    for some in in_batches(sorted(all_of), PARAMETERS):
        connection.execute(
            update(environments).where(environments.c.project_id.in_(some)).values(listed=False)
        )
        connection.execute(
            update(projects).where(projects.c.id.in_(some)).values(environments_read_at=at)
        )
    upsert(
        connection,
        environments,
        (
            {
                "id": one.id,
                "project_id": project_id,
                "name": one.name,
                "tier": one.tier,
                "listed": True,
                "oldest_deployment_id": one.oldest_deployment_id,
            }
            for project_id, several in present.items()
            for one in several
        ),
        ["name", "tier", "listed", "oldest_deployment_id"],
        remembered=["oldest_deployment_id"],
    )


def _correct(connection: Connection, corrected: Collection[SeenDeployment]) -> set[int]:
    """Store better finishes; return the environments, in which every deployment is marked first."""
    deployments = schema.deployments
    for one in corrected:
        connection.execute(
            update(deployments)
            .where(deployments.c.id == one.id)
            .values(finished_at=one.finished_at, finish_source=one.finish_source)
        )
    moved = {one.environment_id for one in corrected}
    for some in in_batches(sorted(moved), PARAMETERS):
        connection.execute(
            update(deployments).where(deployments.c.environment_id.in_(some)).values(first=True)
        )
    return moved


def _counting(told: News) -> list[tuple[str, int]]:
    return [("project", told.project_id), *(("group", one) for one in told.group_ids)]


def _note_reach(connection: Connection, news: Collection[News]) -> None:
    """Store how far projects are read."""
    projects = schema.projects
    rows = [
        {
            "of_id": one.project_id,
            "new_cursor": one.reading.cursor,
            "new_covered_since": one.reading.covered_since,
            "new_complete": one.reading.complete,
        }
        for one in sorted(news, key=lambda one: one.project_id)
    ]
    if rows:
        connection.execute(
            update(projects)
            .where(projects.c.id == bindparam("of_id"))
            .values(
                cursor=bindparam("new_cursor"),
                covered_since=bindparam("new_covered_since"),
                complete=bindparam("new_complete"),
            ),
            rows,
        )


def _stored(connection: Connection, ids: Iterable[int]) -> set[int]:
    asked = sorted(ids)
    stored: set[int] = set()
    for some in in_batches(asked, PARAMETERS):
        query = select(schema.deployments.c.id).where(schema.deployments.c.id.in_(some))
        stored.update(connection.execute(query).scalars())
    return stored


def _remember_oldest(
    connection: Connection, project_ids: Sequence[int], old: ColumnElement[bool]
) -> None:
    """Let environments whose oldest success nobody knows remember the oldest one they lose."""
    deployments, environments = schema.deployments, schema.environments
    lost = (
        select(func.min(deployments.c.id))
        .where(deployments.c.environment_id == environments.c.id, old)
        .scalar_subquery()
    )
    connection.execute(
        update(environments)
        .where(
            environments.c.project_id.in_(project_ids),
            environments.c.oldest_deployment_id.is_(None),
        )
        .values(oldest_deployment_id=lost)
    )
