"""Polls that events cause: of the projects they name, together, and no more often than is allowed.

The first event after a quiet time causes a poll at once. Projects that are named while it runs, or
within the spacing after its begin, wait for the next one together, however many events name them.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from threading import Lock

from exporter.clock import Clock
from exporter.logs import fields

log = logging.getLogger(__name__)

TRIES = 5
"""Polls after which a deployment that GitLab does not tell of is given up."""

MOST_DEPLOYMENTS = 100
"""Deployments of one project that are looked for one by one."""

MOST_ENVIRONMENTS = 20
"""Names of environments that are kept of one project; with more, all its environments count."""

PollSome = Callable[[Mapping[int, Collection[str]]], object]
"""Polls some projects, by id, each with the names of the environments that have news. Without any
name, all of its environments may have."""

Unshown = Callable[[Collection[int]], set[int]]
"""Tells which of some deployments, by id, are not in the numbers yet."""

BeginIn = Callable[[float], object]
"""Has :meth:`NamedProjects.poll` called after some seconds, not beside another poll."""


@dataclass(slots=True)
class _News:
    """What events told of a project. ``environments`` is None where any may have news.

    ``polls`` counts, by deployment, the polls that did not bring it; None stands for deployments
    that cannot be looked for, because their events did not say which, or because they are many.
    """

    environments: set[str] | None = field(default_factory=set)
    polls: Counter[int | None] = field(default_factory=Counter)

    def add(self, deployment_id: int | None, environments: set[str] | None, polls: int) -> None:
        known = deployment_id in self.polls or len(self.polls) < MOST_DEPLOYMENTS
        self.polls[deployment_id if known else None] = polls
        if self.environments is not None and environments is not None:
            self.environments |= environments
            if len(self.environments) <= MOST_ENVIRONMENTS:
                return
        self.environments = None


class NamedProjects:
    """The projects that events named and that are not polled yet; safe to use from threads.

    Only projects in scope are to be named, which bounds how many there can be.
    """

    def __init__(
        self, poll_some: PollSome, unshown: Unshown, *, clock: Clock, spacing: float
    ) -> None:
        """Poll by ``poll_some``, at most once in ``spacing`` seconds."""
        self._poll_some = poll_some
        self._unshown = unshown
        self._clock = clock
        self._spacing = spacing
        self._lock = Lock()
        self._news: dict[int, _News] = {}
        self._polling: set[int] = set()
        self._begin_in: BeginIn | None = None
        self._expected = False
        self._began: float | None = None

    def begin(self, begin_in: BeginIn) -> None:
        """Cause polls from now on, also for what was named before."""
        with self._lock:
            self._begin_in = begin_in
            self._expect()

    def add(self, project_id: int, *, deployment_id: int | None, environment: str | None) -> None:
        """Have a project polled. Nothing here takes time, or waits for a poll that runs."""
        with self._lock:
            told = self._news.setdefault(project_id, _News())
            told.add(deployment_id, None if environment is None else {environment}, 0)
            self._expect()

    def pending(self) -> set[int]:
        """Return the projects that are yet to be polled, or being so."""
        with self._lock:
            return self._polling | self._news.keys()

    def poll(self) -> None:
        """Poll the projects that were named so far, if there is anything new about them.

        What the poll does not bring, because it fails or because GitLab's answers lag behind its
        events, is asked for again after the spacing.
        """
        with self._lock:
            news, self._news = self._news, {}
            self._polling = set(news)
            self._began = self._clock.monotonic()
        try:
            # Another poll may have brought it all since, or long ago.
            self._leave_out_shown(news)
            if news:
                self._poll_some({one: told.environments or () for one, told in news.items()})
                for told in news.values():
                    told.polls.pop(None, None)
                self._leave_out_shown(news)
        finally:
            with self._lock:
                self._try_again(news)
                self._polling = set()
                self._expected = False
                self._expect()

    def _leave_out_shown(self, news: dict[int, _News]) -> None:
        asked = {one for told in news.values() for one in told.polls if one is not None}
        shown = asked - self._unshown(asked) if asked else set()
        for project_id, told in list(news.items()):
            for one in shown & told.polls.keys():
                del told.polls[one]
            if not told.polls:
                del news[project_id]

    def _try_again(self, news: Mapping[int, _News]) -> None:
        for project_id, told in news.items():
            again = {one: polls + 1 for one, polls in told.polls.items() if polls + 1 < TRIES}
            if len(again) < len(told.polls):
                log.warning(
                    "no poll brought the deployment that an event told of",
                    extra=fields(project_id=project_id, polls=TRIES),
                )
            for one, polls in again.items():
                self._news.setdefault(project_id, _News()).add(one, told.environments, polls)

    def _expect(self) -> None:
        """See to it that one poll comes, if there is something to poll."""
        if self._expected or not self._news or self._begin_in is None:
            return
        self._expected = True
        passed = None if self._began is None else self._clock.monotonic() - self._began
        self._begin_in(0.0 if passed is None else max(0.0, self._spacing - passed))
