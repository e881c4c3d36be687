"""Projects read side by side, and their merge requests in batches over all of them."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol

from exporter.dora.facts import Project
from exporter.gitlab import StoppedError
from exporter.gitlab.multiplex import MOST
from exporter.poller.links import Wanted
from exporter.poller.progress import Progress
from exporter.poller.refusals import Refusals
from exporter.store import UnusableError

_SOME = MOST
"""Deployments whose merge requests are read and stored together: what one request may hold."""


class Outcome(Protocol):
    """Who wants to know how it goes."""

    def read(self, project_id: int) -> None:
        """All that is new in a project is stored."""

    def failed(self, project: Project, error: Exception) -> None:
        """A project cannot be read."""


class SideBySide:
    """Reads projects in threads of its own; used once, from one thread."""

    def __init__(
        self,
        pool: ThreadPoolExecutor,
        read_links: Callable[[Sequence[Wanted]], dict[Project, Exception]],
        outcome: Outcome,
        progress: Progress,
    ) -> None:
        self._pool = pool
        self._read_links = read_links
        self._outcome = outcome
        self._progress = progress
        self._ended: SimpleQueue[Future[Any]] = SimpleQueue()
        self._running: dict[Future[Any], Project | Sequence[Wanted]] = {}
        self._wanted: list[Wanted] = []
        self._left: Counter[int] = Counter()
        self._refusals = Refusals()
        self.failures: set[int] = set()
        """The projects that failed."""

    def read(self, project: Project, work: Callable[[], Sequence[Wanted]]) -> None:
        """Begin to read a project; what it returns are the merge requests to read after it."""
        self._begin(project, work)

    def want(self, project: Project, several: Sequence[Wanted]) -> None:
        """Have merge requests of a project read."""
        self._wanted += several
        self._left[project.id] += len(several)
        if not self._left[project.id]:
            self._outcome.read(project.id)

    def finish(self) -> None:
        """Wait until all is read, or the exporter is shutting down.

        Once GitLab refuses the token, what was not begun fails for the same reason, unasked.

        Raises:
            UnusableError: if nothing can be stored; then nothing more is read.
        """
        trouble: UnusableError | None = None
        while self._running or self._wanted:
            reading = any(isinstance(one, Project) for one in self._running.values())
            # A last, short batch only when no project can add to it any more.
            self._begin_links(_SOME if reading else 1)
            future = self._ended.get()
            about = self._running.pop(future)
            self._progress.advance()
            try:
                result = future.result()
            except StoppedError:
                self._wanted.clear()
            except CancelledError:
                pass
            except UnusableError as error:
                trouble = error
                self._wanted.clear()
                for other in self._running:
                    other.cancel()
            except Exception as error:  # noqa: BLE001 - one bad project stops no other
                projects = [about] if isinstance(about, Project) else {one for one, _ in about}
                for one in projects:
                    self._fail(one, error)
            else:
                if isinstance(about, Project):
                    self.want(about, result)
                else:
                    self._take_links(about, result)

        if trouble is not None:
            raise trouble

    def _take_links(self, some: Sequence[Wanted], failed: dict[Project, Exception]) -> None:
        for project, reason in failed.items():
            self._fail(project, reason)
        for project, _ in some:
            self._left[project.id] -= 1
            if not self._left[project.id] and project.id not in self.failures:
                self._outcome.read(project.id)

    def _begin_links(self, fewest: int) -> None:
        while len(self._wanted) >= fewest:
            some = self._wanted[:_SOME]
            del self._wanted[:_SOME]
            self._progress.expect(1)
            self._begin(some, partial(self._read_links, some))

    def _begin(self, about: Project | Sequence[Wanted], work: Callable[[], Any]) -> None:
        future = self._pool.submit(self._ask, work)
        self._running[future] = about
        future.add_done_callback(self._ended.put)

    def _ask(self, work: Callable[[], Any]) -> Any:
        with self._refusals.heeded():
            return work()

    def _fail(self, project: Project, error: Exception) -> None:
        if project.id not in self.failures:
            self.failures.add(project.id)
            self._outcome.failed(project, error)
