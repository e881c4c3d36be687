"""Reading one project as far as it is new, and storing what is new in several together."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from exporter.config import Settings
from exporter.dora.calendar import day_begins, day_of
from exporter.dora.facts import Project
from exporter.gitlab import GitLabSource
from exporter.gitlab.plan import Change
from exporter.instant import Instant, microseconds
from exporter.poller.links import Wanted, settled
from exporter.rules import tier_of
from exporter.store import News, Reading, Scope, Store, Unsettled

TOGETHER = 50
"""Projects whose news are stored in one transaction: other writers wait for it some 0.2 s."""


class ProjectReader:
    """Reads and stores what is new in projects; safe to use from several threads."""

    def __init__(self, settings: Settings, source: GitLabSource, store: Store) -> None:
        self._settings = settings
        self._source = source
        self._store = store
        self._guessing: set[int] | None = None

    def guessing(self) -> set[int]:
        """Return the projects with deployments whose finish GitLab might still make exact."""
        if self._guessing is None:
            self._guessing = self._store.readings.guessing()
        return self._guessing

    def read(
        self, project: Project, scope: Scope, at: Instant, *, environments_due: bool
    ) -> list[Wanted]:
        """Read a project and store what is new; return whose merge requests are to be read.

        Args:
            project: to read.
            scope: has the groups that its deployments count in.
            at: when the poll began.
            environments_due: whether its environments are wanted though nothing was deployed.

        Raises:
            GitLabError: if GitLab does not answer as it must.
        """
        readings = self._store.readings
        reading, path = self._source.read_project(
            project,
            readings.state(project.id),
            since=self._history_begins(min(at, self._source.now())),
            unknown=readings.unknown,
            guessed=lambda: readings.guessed(project.id),
            environments_due=environments_due,
        )
        self._save([(project, reading, path)], scope, at)
        return self.settled(scope, [project.id])

    def take(self, changes: Mapping[Project, Change], scope: Scope, at: Instant) -> list[Wanted]:
        """Store what was read of some projects already, all in one transaction or nothing.

        None of them may have a deployment whose finish is a guess.

        Returns:
            Whose merge requests are to be read.

        Raises:
            GitLabError: if GitLab does not answer as it must.
        """
        states = self._store.readings.states([one.id for one in changes])
        unknown = self._store.readings.unknown(
            {row.id for change in changes.values() for row in change.rows}
        )
        now = self._source.now()
        found = [
            (
                project,
                *self._source.read_project(
                    project,
                    states[project.id],
                    since=self._history_begins(min(at, now)),
                    unknown=unknown.intersection,
                    guessed=tuple,
                    environments_due=False,
                    change=change,
                ),
            )
            for project, change in changes.items()
        ]
        with self._store.one_write():
            self._save(found, scope, at)
        return self.settled(scope, [one.id for one in changes])

    def settled(self, scope: Scope, project_ids: Collection[int] | None = None) -> list[Wanted]:
        """Return the deployments in scope whose merge requests are to be read now.

        Args:
            scope: whose projects count.
            project_ids: of these projects only, of all if None.
        """
        projects = {one.id: one for one in scope.projects}
        now = self._source.now()
        return [
            (projects[one.project_id], one)
            for one in self.unsettled(project_ids)
            if one.project_id in projects and settled(one, now)
        ]

    def unsettled(self, project_ids: Collection[int] | None = None) -> list[Unsettled]:
        """Return the deployments whose merge requests were not read when they were final."""
        include_first = self._settings.lead_time.first_deployment == "include"
        return self._store.links.unsettled(include_first=include_first, project_ids=project_ids)

    def _save(
        self, found: Collection[tuple[Project, Reading, str]], scope: Scope, at: Instant
    ) -> None:
        """Store what was read of projects, each with the path that it has now."""
        news = []
        for read, reading, path in found:
            project = read
            if path != read.path:
                self._store.scope.rename_project(read.id, path)
                project = replace(read, path=path)
            tiers = {one.id: tier_of(one, self._settings) for one in reading.environments}
            groups = [group.id for group in scope.groups_above(project)]
            news.append(News(read.id, reading, tiers, groups))
        self._store.readings.save_all(news, at=at)
        if any(
            reading.corrected
            or any(one.finish_source != "deployment" for one in reading.deployments)
            for _, reading, _ in found
        ):
            self._guessing = None

    def _history_begins(self, at: Instant) -> Instant:
        """Return where a first poll begins: whole days back, so that no day is known by half."""
        zone = self._settings.timezone
        reach = microseconds(self._settings.poll.history.timedelta)
        return day_begins(day_of(at - reach, zone), zone)
