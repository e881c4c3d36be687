"""Finding the merge requests that GitLab did not link to deployments, where that is wanted.

Of older servers these are all that were merged by fast-forward or squashed, and of many those of
environments in a folder. A deployment without any, when they are final, is compared with the one
before it in its environment: what landed as one of the commits between them came with it. Each is
asked about once. A deployment with any link of GitLab's is left as it is, and the first one of an
environment has nothing to be compared with.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock

from exporter.batches import in_batches
from exporter.clock import Clock
from exporter.dora.facts import LinkMethod, Project
from exporter.gitlab import GitLabError, GitLabSource, NotFoundError, StoppedError
from exporter.gitlab.commits import Commits
from exporter.gitlab.errors import InvalidError, RefusedError
from exporter.logs import fields
from exporter.store import Deployed, Scope, Store, UnusableError

log = logging.getLogger(__name__)

ASKED_A_POLL = 200
"""Comparisons that a poll may ask for, over all projects; what is left waits for the next one."""

_LEAST = 5
"""Comparisons that a project may ask for in a poll, however many others want some."""

_FAILURES = 3
"""Comparisons of a poll that GitLab could not make, after which it is left alone until the next."""

_LATER = 3600.0
"""Seconds until a comparison that GitLab could not make is asked for again."""

_ANEW = 24 * 3600.0
"""Seconds until a project whose repository may not be read is asked again."""

_NONE = Commits(frozenset())


class _Allowance:
    """How many comparisons are left; safe to use from several threads."""

    def __init__(self, number: int) -> None:
        self._lock = Lock()
        self._left = number
        self._failures = 0

    def take(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0

    def failed(self) -> None:
        """Take all that is left if GitLab fails too often."""
        with self._lock:
            self._failures += 1
            if self._failures >= _FAILURES:
                self._left = 0


@dataclass(slots=True)
class _Walk:
    """What is learnt on the way through a project's deployments.

    ``found`` are the commits that deployments brought, ``nothing_new`` deployments that brought
    none. ``unfinished`` says that some were not asked about.
    """

    found: dict[int, Commits] = field(default_factory=dict)
    nothing_new: list[int] = field(default_factory=list)
    unfinished: bool = False


class GapFiller:
    """Fills gaps poll by poll."""

    def __init__(
        self,
        source: GitLabSource,
        store: Store,
        *,
        wanted: bool,
        clock: Clock,
        count: Callable[[str, int], object],
    ) -> None:
        """Remember nothing yet.

        Args:
            source: asked about commits.
            store: says where links are missing.
            wanted: whether anything is asked at all.
            clock: tells when to ask again what was refused.
            count: told how links were found, and how many.
        """
        self._source = source
        self._store = store
        self._wanted = wanted
        self._clock = clock
        self._count = count
        self._revision = 0
        self._open: dict[int, None] = {}
        self._refused: dict[int, float] = {}
        self._failed: dict[int, float] = {}

    def fill(self, scope: Scope, pool: ThreadPoolExecutor) -> None:
        """Look for merge requests of deployments that have none.

        Only projects are looked at that changed or were not finished. What GitLab refuses raises
        no error: what it told itself stays as good as it is.

        Raises:
            UnusableError: if nothing can be stored.
        """
        if not self._wanted:
            return
        projects = {one.id: one for one in scope.projects}
        self._learn()
        allowance = _Allowance(ASKED_A_POLL)
        chosen = dict(islice(self._with_gaps(projects), ASKED_A_POLL // _LEAST))
        share = max(_LEAST, ASKED_A_POLL // max(len(chosen), 1))
        running = [
            pool.submit(self._fill, projects[one], environments, allowance, share)
            for one, environments in chosen.items()
        ]
        for one, work in zip(chosen, running, strict=True):
            if not work.result():
                self._open[one] = None  # behind all others

    def _learn(self) -> None:
        """Note which projects may have gaps."""
        self._revision, changed = self._store.revisions.since(self._revision)
        now = self._clock.monotonic()
        self._failed = {one: at for one, at in self._failed.items() if at > now}
        anew = {one for one, at in self._refused.items() if at <= now}
        for one in anew:
            del self._refused[one]
        self._open |= dict.fromkeys(sorted(changed | anew))
        self._open = {one: None for one in self._open if one not in self._refused}

    def _with_gaps(
        self, in_scope: Collection[int]
    ) -> Iterator[tuple[int, Sequence[Sequence[Deployed]]]]:
        """Take projects from the open ones; yield those with gaps."""
        waiting = [one for one in self._open if one in in_scope]
        for some in in_batches(waiting, ASKED_A_POLL // _LEAST):
            gaps = self._store.gaps.load(some)
            for one in some:
                del self._open[one]  # what nobody takes stays open
                if one in gaps:
                    yield one, gaps[one]

    def _fill(
        self,
        project: Project,
        environments: Sequence[Sequence[Deployed]],
        allowance: _Allowance,
        share: int,
    ) -> bool:
        """Look for the merge requests of a project; return whether nothing is left to ask."""
        try:
            walk = self._walk(project, environments, allowance, share)
            self._save(project, walk)
        except StoppedError:
            return False
        except UnusableError:
            raise
        except RefusedError as error:
            self._refused[project.id] = self._clock.monotonic() + _ANEW
            log.warning(
                "commits cannot be compared, deployments without merge requests stay without",
                extra=fields(project=project.path, project_id=project.id, error=str(error)),
            )
            return True
        except Exception as error:
            log.warning(
                "missing merge requests cannot be looked for now",
                extra=fields(project=project.path, project_id=project.id, error=str(error)),
                exc_info=None if isinstance(error, GitLabError) else error,
            )
            return False
        return not walk.unfinished

    def _walk(
        self,
        project: Project,
        environments: Sequence[Sequence[Deployed]],
        allowance: _Allowance,
        share: int,
    ) -> _Walk:
        walk = _Walk()
        own = _Allowance(share)
        for deployments in environments:
            before = _Before()
            for one in deployments:
                if not one.settled:
                    break  # whose merge requests would come first
                rolled_back = one.rolled_back
                if one.gap:
                    base = before.last(one)
                    if base is None or not base.sha or not one.sha:
                        walk.found[one.id] = _NONE
                    elif before.had(one.sha):
                        rolled_back = True
                        walk.nothing_new.append(one.id)
                    elif one.id in self._failed:
                        walk.unfinished = True
                    elif not (own.take() and allowance.take()):
                        walk.unfinished = True
                        return walk
                    else:
                        commits = self._compare(project, base, one)
                        if commits is None:
                            allowance.failed()
                            walk.unfinished = True
                            return walk
                        rolled_back = commits is not _NONE and not commits.shas
                        if rolled_back:
                            walk.nothing_new.append(one.id)
                        else:
                            walk.found[one.id] = commits
                before.add(one, rolled_back=rolled_back)
        return walk

    def _compare(self, project: Project, base: Deployed, one: Deployed) -> Commits | None:
        """Return the commits between two deployments, None if GitLab does not tell now.

        Raises:
            RefusedError: if the repository may not be read.
        """
        try:
            return self._source.repositories.between(project.id, base.sha, one.sha)
        except StoppedError:
            raise
        except (NotFoundError, InvalidError) as error:
            if "Ref" not in str(error):
                raise
            return _NONE  # one of them is gone from the repository, and will not come back
        except RefusedError:
            raise
        except GitLabError as error:
            self._failed[one.id] = self._clock.monotonic() + _LATER
            log.info(
                "commits could not be compared, it is tried again later",
                extra=fields(project=project.path, deployment=one.id, error=str(error)),
            )
            return None

    def _save(self, project: Project, walk: _Walk) -> None:
        if not walk.found and not walk.nothing_new:
            return
        asked = [one for one in walk.found.values() if one.shas]
        landed = self._source.repositories.landed(project.id, asked) if asked else None
        found = {
            one: landed.among(commits) if landed else [] for one, commits in walk.found.items()
        }
        number = self._store.gaps.save(
            project.id, found, nothing_new=walk.nothing_new, at=self._source.now()
        )
        self._count(LinkMethod.COMPARE, number)
        if asked:
            log.info(
                "commits compared for deployments without merge requests",
                extra=fields(project=project.path, deployments=len(asked), merge_requests=number),
            )


class _Before:
    """The deployments of an environment so far: what the next one is compared with."""

    def __init__(self) -> None:
        self._deployments: list[Deployed] = []
        self._highest: Deployed | None = None
        self._shas: set[str] = set()

    def last(self, one: Deployed) -> Deployed | None:
        """Return the one before: of those created earlier the last that was no roll-back."""
        if self._highest is None or self._highest.id < one.id:
            return self._highest
        earlier = [each for each in self._deployments if each.id < one.id]
        return max(earlier, key=lambda each: each.id, default=None)

    def had(self, sha: str) -> bool:
        """Whether a commit was deployed already."""
        return sha in self._shas

    def add(self, one: Deployed, *, rolled_back: bool) -> None:
        """Go on behind a deployment."""
        self._shas.add(one.sha)
        if rolled_back:
            return
        self._deployments.append(one)
        if self._highest is None or one.id > self._highest.id:
            self._highest = one
