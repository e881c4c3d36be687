"""One poll: every project in scope is read as far as it is new, each on its own."""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from queue import SimpleQueue
from threading import Event, Lock

from exporter.batches import in_batches
from exporter.clock import Clock
from exporter.config import Settings
from exporter.dora.calendar import day_begins, day_of
from exporter.dora.facts import MergeRequest, Project
from exporter.gitlab import GitLabError, GitLabSource, StoppedError
from exporter.instant import Instant, microseconds
from exporter.logs import fields
from exporter.poller.progress import Progress
from exporter.poller.status import Status
from exporter.rules import tier_of
from exporter.store import Links, Scope, Store
from exporter.store.readings import Unsettled

log = logging.getLogger(__name__)

SETTLED = microseconds(timedelta(minutes=5))
"""GitLab links merge requests in the background, and itself waits this long before it computes."""

ASK_AGAIN = microseconds(timedelta(minutes=1))
"""A deployment without links is asked again this long after, until it is settled."""

_SOME = 20
"""Deployments whose merge requests are read and stored together."""


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
        self._changing = Lock()
        self._changed: set[int] | None = set()

    def run(self) -> bool:
        """Poll every project; a project that fails is noted and delays no other.

        Returns:
            Whether the poll is complete: at least one project could be read, or there is none.
        """
        at = self._clock.now()
        began = self._clock.monotonic()
        scope = self._store.scope.load()
        failed = self._read_all(scope, at)
        if self._stop.is_set():
            return False
        good = [one.id for one in scope.projects if one.id not in failed]
        # Without projects, a poll says something only if discovery saw that there are none.
        up = bool(good) if scope.projects else bool(self._store.scope.sources())
        if up:
            self._store.scope.save_poll(at, good)
            self._prune(at)
        self._status.succeeded(good)
        seconds = self._clock.monotonic() - began
        self._status.polled(up=up, seconds=seconds)
        log.log(
            logging.INFO if up else logging.ERROR,
            "poll finished" if up else "poll failed, no project could be read",
            extra=fields(
                projects=len(scope.projects), failed=len(failed), seconds=round(seconds, 3)
            ),
        )
        return up

    def take_changes(self) -> set[int] | None:
        """Return the projects whose facts changed since this was last asked, None for all."""
        with self._changing:
            changed, self._changed = self._changed, set()
        return changed

    def _read_all(self, scope: Scope, at: Instant) -> set[int]:
        """Read all projects side by side; return those that failed."""
        failed: set[int] = set()
        by_id = {one.id: one for one in scope.projects}
        progress = Progress("polling", self._clock)
        progress.expect(len(by_id))
        due = self._environments_due(by_id)
        ended: SimpleQueue[Future[list[Unsettled]]] = SimpleQueue()
        running: dict[Future[list[Unsettled]], int] = {}
        with ThreadPoolExecutor(self._settings.gitlab.concurrency, "poll") as pool:

            def begin(project_id: int, work: Callable[[], list[Unsettled]]) -> None:
                future = pool.submit(work)
                running[future] = project_id
                future.add_done_callback(ended.put)

            for one in scope.projects:
                begin(one.id, partial(self._read_project, one, scope, at, one.id == due))
            while running:
                future = ended.get()
                project_id = running.pop(future)
                progress.advance()
                try:
                    unsettled = future.result()
                except StoppedError:
                    continue
                except Exception as error:  # noqa: BLE001 - one bad project stops no other
                    if project_id not in failed:
                        failed.add(project_id)
                        self._note_failure(by_id[project_id], error)
                    continue
                for some in in_batches(unsettled, _SOME):
                    progress.expect(1)
                    begin(project_id, partial(self._read_links, project_id, some))
        progress.finish()
        return failed

    def _read_project(
        self, project: Project, scope: Scope, at: Instant, environments_due: bool
    ) -> list[Unsettled]:
        """Read deployments and environments; return whose merge requests are to be read."""
        readings = self._store.readings
        state = readings.state(project.id)
        reading, path = self._source.read_project(
            project,
            state,
            since=self._history_begins(at),
            unknown=readings.unknown,
            guessed=lambda: readings.guessed(project.id),
            environments_due=environments_due,
        )
        if path != project.path:
            self._store.scope.rename_project(project.id, path)
        new = readings.save(
            project.id,
            reading,
            at=at,
            tiers={one.id: tier_of(one, self._settings) for one in reading.environments},
            group_ids=[group.id for group in scope.groups_above(project)],
        )
        if new or reading.corrected:
            self._note_change(project.id)
        include_first = self._settings.lead_time.first_deployment == "include"
        now = self._source.now()
        return [
            one
            for one in readings.unsettled(project.id, include_first=include_first)
            if _worth_asking(one, now)
        ]

    def _read_links(self, project_id: int, some: Sequence[Unsettled]) -> list[Unsettled]:
        """Read and store the merge requests of some deployments; nothing is left to do after."""
        linked: dict[int, list[MergeRequest]] = {}
        final = set()
        try:
            for one in some:
                now = self._source.now()
                found = self._source.merge_requests(project_id, one.id)
                # GitLab takes no link back: none any more means the environment was deleted.
                if found or not one.linked:
                    linked[one.id] = found
                if now - one.finished_at >= SETTLED:
                    final.add(one.id)
        finally:
            if linked or final:
                self._store.readings.save_links(
                    project_id, linked, final=final, at=self._source.now()
                )
                self._note_change(project_id)
        return []

    def _note_change(self, project_id: int) -> None:
        with self._changing:
            if self._changed is not None:
                self._changed.add(project_id)

    def _note_failure(self, project: Project, error: Exception) -> None:
        if isinstance(error, GitLabError):
            kind, reason = error.kind, str(error)
        else:
            kind, reason = type(error).__name__, str(error)
        self._status.failed(project.id, reason)
        log.warning(
            "project cannot be polled, its last values stay",
            extra=fields(project=project.path, project_id=project.id, kind=kind, error=reason),
            exc_info=None if isinstance(error, GitLabError) else error,
        )

    def _environments_due(self, projects: Iterable[int]) -> int | None:
        """Return the project whose environments were read longest ago: one a poll, in turn."""
        read_at = self._store.readings.environments_read_at()
        return min(projects, key=lambda one: read_at.get(one) or 0, default=None)

    def _history_begins(self, at: Instant) -> Instant:
        """Return where a first poll begins: whole days back, so that no day is known by half."""
        zone = self._settings.timezone
        reach = microseconds(self._settings.poll.history.timedelta)
        return day_begins(day_of(at - reach, zone), zone)

    def _prune(self, at: Instant) -> None:
        zone = self._settings.timezone
        keep = microseconds(self._settings.effective_retention.timedelta)
        before = day_begins(day_of(at - keep, zone), zone)
        if before == self._pruned:
            return
        gone = self._store.readings.prune(before)
        self._pruned = before
        if gone:
            with self._changing:
                self._changed = None
            log.info("deployments older than the retention deleted", extra=fields(number=gone))


def _worth_asking(one: Unsettled, now: Instant) -> bool:
    """Whether a deployment's links may have changed since they were read."""
    if one.links is Links.UNREAD or one.read_at is None:
        return True
    if now - one.finished_at >= SETTLED:
        return True
    return not one.linked and now - one.read_at >= ASK_AGAIN
