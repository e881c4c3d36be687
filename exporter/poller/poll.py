"""One poll: every project in scope is read as far as it is new, each on its own."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Event

from exporter.batches import in_batches
from exporter.clock import Clock
from exporter.config import Settings
from exporter.dora.calendar import day_begins, day_of
from exporter.dora.facts import Project
from exporter.gitlab import GitLabError, GitLabSource, StoppedError
from exporter.gitlab.listing import OVERLAP, reaching
from exporter.gitlab.look import Look
from exporter.gitlab.overview import Overview
from exporter.gitlab.plan import Change, Newer
from exporter.instant import MICROSECONDS, Instant, microseconds
from exporter.logs import fields
from exporter.poller.due import Due
from exporter.poller.gaps import GapFiller
from exporter.poller.links import (
    ALONG,
    OVERDUE,
    SETTLED,
    LinkReader,
    by_project,
    ids_of,
    settled,
)
from exporter.poller.progress import Progress
from exporter.poller.reading import TOGETHER, ProjectReader
from exporter.poller.side_by_side import SideBySide
from exporter.poller.status import Status
from exporter.store import Scope, Store, UnusableError
from exporter.store.readings import Listed

log = logging.getLogger(__name__)


class Poll:
    """Polls all projects in scope."""

    def __init__(
        self,
        settings: Settings,
        source: GitLabSource,
        store: Store,
        status: Status,
        *,
        clock: Clock,
        stop: Event,
    ) -> None:
        self._settings = settings
        self._source = source
        self._store = store
        self._status = status
        self._clock = clock
        self._stop = stop
        self._pruned: Instant | None = None
        self._failed: dict[int, str] = {}
        self._told: set[Exception] = set()
        self._due = Due(settings)
        self._links = LinkReader(source, store, status.links)
        self._gaps = GapFiller(
            source,
            store,
            wanted=settings.lead_time.missing_links == "compare",
            clock=clock,
            count=status.links,
        )
        self._projects = ProjectReader(settings, source, store)

    def run(self, only: Mapping[int, Collection[str]] | None = None) -> bool:
        """Poll what is due, or only some projects; one that fails is noted and delays no other.

        Args:
            only: projects by id, each with the names of environments that were deployed to.

        Returns:
            Whether the poll is complete: at least one project could be read, or there is none.

        Raises:
            UnusableError: if nothing can be stored.
        """
        at = self._clock.now()
        began = self._clock.monotonic()
        scope = self._store.scope.load()
        before = self._status.view()
        due = (
            self._due.choose(
                scope.projects,
                at,
                failing=before.failing,
                newest=self._store.readings.cursors(),
                together=self._source.projects_a_request(),
            )
            if only is None
            else [one for one in scope.projects if one.id in only]
        )
        self._status.begin([one.id for one in due])
        self._failed = {}
        self._told = set()
        failed = self._read_all(scope, due, at, only or {})
        if self._stop.is_set():
            return False
        good = [one.id for one in due if one.id not in failed]
        # Without projects, a poll says something only if discovery saw that there are none.
        up = bool(good) if scope.projects else bool(self._store.scope.sources())
        if scope.projects and not good and before.failing.keys() >= failed:
            # What failed is known to, and of the others nothing was asked.
            up = not failed if before.up is None else before.up
        if up:
            self._store.scope.save_poll(at, good)
            # A clock that is ahead for a while must not cost the history.
            self._prune(min(at, self._source.now()))
        self._status.succeeded(good)
        seconds = self._clock.monotonic() - began
        self._status.polled(up=up, seconds=seconds)
        log.log(
            logging.INFO if up else logging.ERROR,
            "poll finished" if up else "poll failed, no project could be read",
            extra=fields(
                projects=len(scope.projects),
                asked=len(due),
                failed=len(failed),
                seconds=round(seconds, 3),
                **self._why(),
            ),
        )
        return up

    def _why(self) -> dict[str, str]:
        """Return, where projects failed, how many did by kind of error, the most first."""
        kinds = Counter(self._failed.values()).most_common()
        return {"why": ", ".join(f"{kind} {many}" for kind, many in kinds)} if kinds else {}

    def read_links(self) -> None:
        """Read the merge requests that are final by now, and nothing else."""
        scope = self._store.scope.load()
        wanted = self._projects.settled(scope)
        progress = Progress("steps of reading merge requests", self._clock)
        with self._pool() as pool:
            reading = SideBySide(pool, self._links.read, self, progress)
            for project, several in by_project(wanted).items():
                reading.want(project, several)
            reading.finish()
            self._gaps.fill(scope, pool)
        progress.finish()
        if wanted:
            log.info(
                "merge requests read",
                extra=fields(deployments=len(wanted), failed=len(reading.failures)),
            )

    def all_settled_in(self) -> float | None:
        """Return in how many seconds the merge requests of all known deployments are final.

        None if they are. A finish that lies ahead of GitLab's clock is left to the polls.
        """
        now = self._source.now()
        waiting = [
            one.finished_at + SETTLED - now
            for one in self._projects.unsettled()
            if one.finished_at <= now and not settled(one, now)
        ]
        return max(waiting) / MICROSECONDS if waiting else None

    def _read_all(
        self,
        scope: Scope,
        due: Sequence[Project],
        at: Instant,
        named: Mapping[int, Collection[str]],
    ) -> set[int]:
        """Read the projects that are due side by side; return those that failed."""
        progress = Progress("steps of the poll", self._clock)
        progress.expect(len(due))
        wanted = self._projects.settled(scope)
        if not due:
            # Nothing is asked that could take these along: soon something may be.
            now = self._source.now()
            overdue = any(now - one.finished_at >= OVERDUE for _, one in wanted)
            wanted = wanted if overdue else []
        before = [one for one in due if one.covered_since is not None]
        look = self._source.look(before, named, ids_of(wanted[:ALONG]))
        links = by_project(self._links.take(wanted[:ALONG], look.linked) + wanted[ALONG:])
        changes, unchanged = self._compare(before, look, at, named)
        for some in in_batches(list(changes), TOGETHER):
            with self._one_by_one_after_errors():
                taken = self._projects.take({one: changes[one] for one in some}, scope, at)
                links |= {one: [] for one in some} | by_project(taken)
                unchanged.update(one.id for one in some)
        read = {one.id for one in due} - unchanged
        longest_ago = self._environments_due(read)
        with self._pool() as pool:
            reading = SideBySide(pool, self._links.read, self, progress)
            for one in due:
                if one.id in read:
                    work = partial(
                        self._projects.read,
                        one,
                        scope,
                        at,
                        environments_due=one.id == longest_ago,
                    )
                    reading.read(one, work)
            for one in due:
                if one.id in unchanged:
                    progress.advance()
                    reading.want(one, links.pop(one, ()))
            for project, several in links.items():
                if project.id not in read:
                    reading.want(project, several)
            reading.finish()
            self._gaps.fill(scope, pool)
        progress.finish()
        return reading.failures

    def _compare(
        self,
        before: Sequence[Project],
        look: Look,
        at: Instant,
        named: Mapping[int, Collection[str]],
    ) -> tuple[dict[Project, Change], set[int]]:
        """Compare what GitLab has with what is stored of projects that were read before.

        Returns:
            What is new by project, and the projects in which nothing is.
        """
        readings, overviews = self._store.readings, look.overviews
        if not overviews:
            return {}, set()
        lasts = {
            one.id: overviews[one.id].last_since(one.covered_since)
            for one in before
            if one.id in overviews and one.covered_since is not None
        }
        unknown = readings.unknown({one for found in lasts.values() for one in found})
        listed = readings.listed(overviews.keys())
        guessing = self._projects.guessing()
        known = readings.cursors()
        # GitLab's clock may have been set back, and then the newest has an earlier time.
        now = min(at, self._source.now())
        newer: dict[Project, Newer] = {}
        cursors: dict[int, Instant] = {}
        unchanged = set()
        for project in before:
            overview = overviews.get(project.id)
            if overview is None or project.id in guessing:
                continue
            # GitLab may write one a little after another that finished later: so an environment is
            # read again until a poll came well after its last success. An event tells of each.
            warm = min(project.polled_at or 0, now) - OVERLAP
            names = named.get(project.id, ())
            new = [
                one
                for number, one in lasts[project.id].items()
                if number in unknown
                or ((one.finished_at or warm) >= warm and (not names or one.name in names))
            ]
            if new:
                newer[project] = overview, new
                cursor = known.get(project.id)
                # What GitLab wrote late lies behind the cursor.
                cursors[project.id] = min(
                    at if cursor is None else reaching(cursor, now),
                    *(one.finished_at for one in new if one.finished_at is not None),
                )
                continue
            unchanged.add(project.id)
        told = self._source.changes(newer, cursors, look.newest)
        changes = {project: told[project.id] for project in newer if project.id in told}
        unknown |= readings.unknown({row.id for one in changes.values() for row in one.rows})
        for project, change in list(changes.items()):
            # Only read again because it is warm.
            if unknown.isdisjoint([*lasts[project.id], *(row.id for row in change.rows)]):
                del changes[project]
                unchanged.add(project.id)
        for project in before:
            if project.id in unchanged:
                stored = listed.get(project.id, {})
                self._keep_environments(project, overviews[project.id], stored, at)
        return changes, unchanged

    def _keep_environments(
        self, project: Project, overview: Overview, before: Mapping[int, Listed], at: Instant
    ) -> None:
        """Store the environments of a project if they changed without a deployment."""
        present = overview.known(project.id)
        if {one.id: (one.name, one.tier) for one in present} != before:
            self._store.readings.save_environments(project.id, present, at=at)

    @contextmanager
    def _one_by_one_after_errors(self) -> Iterator[None]:
        """Leave projects whose news cannot be stored together to be read each by itself."""
        try:
            yield
        except (StoppedError, UnusableError):
            raise
        except Exception as error:  # noqa: BLE001 - one bad project stops no other
            log.info(
                "news of several projects cannot be stored together, each is read by itself",
                extra=fields(error=str(error)),
            )

    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._settings.gitlab.concurrency, "poll")

    def read(self, project_id: int) -> None:
        """Note that all that is new in a project is stored."""
        self._status.read(project_id)

    def failed(self, project: Project, error: Exception) -> None:
        """Note that a project cannot be read."""
        if isinstance(error, GitLabError):
            kind, reason = error.kind, str(error)
        else:
            kind, reason = type(error).__name__, str(error)
        self._status.failed(project.id, reason)
        self._failed[project.id] = kind
        # One error may be many projects': the first tells of it.
        again = error in self._told
        self._told.add(error)
        log.log(
            logging.DEBUG if again else logging.WARNING,
            "project cannot be polled, its last values stay",
            extra=fields(project=project.path, project_id=project.id, kind=kind, error=reason),
            exc_info=None if isinstance(error, GitLabError) else error,
        )

    def _environments_due(self, projects: Iterable[int]) -> int | None:
        """Return the project whose environments were read longest ago: one a poll, in turn."""
        read_at = self._store.readings.environments_read_at()
        return min(projects, key=lambda one: read_at.get(one) or 0, default=None)

    def _prune(self, at: Instant) -> None:
        zone = self._settings.timezone
        keep = microseconds(self._settings.effective_retention.timedelta)
        before = day_begins(day_of(at - keep, zone), zone)
        if before == self._pruned:
            return
        gone = self._store.readings.prune(before)
        self._pruned = before
        if gone:
            log.info("deployments older than the retention deleted", extra=fields(number=gone))
