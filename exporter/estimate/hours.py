"""What polls ask after the first one: hours of a model, polled by the poller's own rules.

The deployments of the last four weeks happen again. Which projects a poll asks about is decided by
:mod:`exporter.poller.due`, when merge requests are read by :mod:`exporter.poller.settling`, and
what events cause by :mod:`exporter.poller.named`: here they run against a model, on a clock that
jumps.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from threading import Event

from exporter.config import Settings
from exporter.dora.facts import Project
from exporter.estimate.first_poll import details, links, requests_for
from exporter.estimate.model import CYCLE, Estate, Flow, ProjectModel
from exporter.gitlab.linked import LinkQueries
from exporter.gitlab.listing import OVERLAP
from exporter.gitlab.multiplex import MOST, Allowance
from exporter.gitlab.overview import OVERVIEWS_A_REQUEST, newest_query, overview_query
from exporter.instant import MICROSECONDS, Instant, microseconds
from exporter.poller.due import Due
from exporter.poller.links import ALONG, OVERDUE, SETTLED
from exporter.poller.named import NamedProjects
from exporter.poller.settling import Settling

_PROJECTS = 3000
"""Projects that are gone through one by one; they stand for more."""

_PROJECT_POLLS = 300_000
"""How much is gone through: the more projects, the fewer hours."""

_SHORTEST = microseconds(timedelta(hours=6))

_TOKEN_QUESTIONS = 1 / 24
"""An hour; see :data:`exporter.poller.token_expiry.OFTEN`."""


def requests_per_hour(estate: Estate, settings: Settings) -> float:
    """Return how many requests an hour costs on average once the first poll is over."""
    copies = estate.copies(_PROJECTS)
    interval = microseconds(settings.poll.interval.timedelta)
    polls = _PROJECT_POLLS // max(1, len(copies))
    freshness = microseconds(settings.effective_freshness)
    length = min(CYCLE, max(_SHORTEST, 2 * freshness, polls * interval))
    model = _Model(estate, copies, settings)
    spent = model.run(length) / (length / microseconds(timedelta(hours=1)))
    scale = estate.scope.projects / len(copies) if copies else 1.0
    discoveries = timedelta(hours=1) / settings.poll.discovery_interval.timedelta
    # Without overviews each discovery reads the environments of all projects.
    each = 0 if estate.abilities.overview else estate.scope.projects
    return spent * scale + discoveries * (estate.scope.discovery + each) + _TOKEN_QUESTIONS


@dataclass(frozen=True, slots=True)
class _Deployed:
    """A deployment of the model: when, where, and under which id."""

    finished_at: Instant
    id: int
    place: int
    flow: Flow


class _Now:
    """A clock that is set."""

    def __init__(self, at: Instant) -> None:
        self.at = at

    def now(self) -> Instant:
        return self.at

    def monotonic(self) -> float:
        return self.at / MICROSECONDS

    def wait(self, stop: Event, seconds: float) -> bool:
        self.at += round(seconds * MICROSECONDS)
        return stop.is_set()


class _Model:
    """A poller that asks nobody and counts what it would ask."""

    def __init__(self, estate: Estate, copies: Sequence[ProjectModel], settings: Settings) -> None:
        self._estate = estate
        self._copies = copies
        self._interval = microseconds(settings.poll.interval.timedelta)
        self._webhook = settings.webhook.enabled
        self._due = Due(settings)
        self._clock = _Now(estate.now)
        self._begin = estate.now
        self._reach = OVERLAP + self._interval + microseconds(settings.effective_freshness)
        self._requests = 0
        self._planned: list[tuple[Instant, int, Callable[[], object]]] = []
        self._numbers = count()
        self._next_poll = 0
        self._allowance = Allowance()
        self._settling = Settling(self._read_links, self._all_settled_in)
        self._named = NamedProjects(
            self._poll_named,
            lambda ids: set(ids) - self._shown,
            clock=self._clock,
            spacing=settings.webhook.spacing.seconds,
        )
        self._shown: set[int] = set()
        self._unsettled: list[_Deployed] = []
        self._pending: dict[int, list[_Deployed]] = defaultdict(list)
        self._recent: deque[_Deployed] = deque()
        # The copies of one project are different projects, with the same habits.
        self._projects = [
            replace(one.project, id=place, polled_at=self._begin - self._interval)
            for place, one in enumerate(copies)
        ]
        self._overviews = [overview_query(one) for one in self._projects]
        self._newest: dict[int, Instant] = {}

    def run(self, length: int) -> int:
        """Return how many requests so much time takes."""
        end = self._begin + length
        for one in self._deployments(end):
            if one.finished_at >= self._begin:
                self._plan(one.finished_at, partial(self._happen, one))
        self._settling.begin(
            partial(self._plan_in, action=self._settling.read),
            next_poll_in=None
            if self._webhook
            else lambda: (self._next_poll - self._clock.at) / MICROSECONDS,
        )
        if self._webhook:
            self._named.begin(partial(self._plan_in, action=self._named.poll))
        self._plan(self._begin, self._poll_all)
        while self._planned and self._planned[0][0] < end:
            self._clock.at, _, action = heappop(self._planned)
            action()
        return self._requests

    def _deployments(self, end: Instant) -> list[_Deployed]:
        """Return what is deployed until then, in order; what lies before the begin is known."""
        chance, numbers = Random(1), count(max(1, self._estate.newest_id))  # noqa: S311 - a sample
        found: list[_Deployed] = []
        whole = end - self._begin >= CYCLE
        for place, one in enumerate(self._copies):
            # The copies of one project have their habits at other times; and of a part of the four
            # weeks each project shows another.
            itself = whole and place < len(self._estate.models)
            turn = 0 if itself else chance.randrange(CYCLE)
            for flow in one.flows:
                for moment in flow.cycle(self._estate.now):
                    at = self._begin + (moment + turn) % CYCLE
                    before = at - CYCLE
                    self._newest[place] = max(self._newest.get(place, 0), before - OVERLAP)
                    found += [
                        _Deployed(each, next(numbers), place, flow)
                        for each in (before, at)
                        if self._begin - self._reach <= each < end
                    ]
        found.sort(key=lambda one: one.finished_at)
        known = [one for one in found if one.finished_at < self._begin]
        self._recent.extend(known)
        self._shown.update(one.id for one in known)
        return found

    def _plan(self, at: Instant, action: Callable[[], object]) -> None:
        heappush(self._planned, (at, next(self._numbers), action))

    def _plan_in(self, seconds: float, *, action: Callable[[], object]) -> None:
        self._plan(self._clock.at + round(seconds * MICROSECONDS), action)

    def _happen(self, one: _Deployed) -> None:
        self._pending[one.place].append(one)
        self._recent.append(one)
        if self._webhook:
            self._named.add(one.place, deployment_id=one.id, environment=one.flow.name)

    def _poll_all(self) -> None:
        self._next_poll = self._clock.at + self._interval
        self._plan(self._next_poll, self._poll_all)
        due = self._due.choose(
            self._projects,
            self._clock.at,
            failing=(),
            newest=self._newest,
            together=OVERVIEWS_A_REQUEST if self._estate.abilities.overview else 1,
        )
        self._poll(due, {})

    def _poll_named(self, named: Mapping[int, Collection[str]]) -> None:
        self._poll([self._projects[place] for place in named], named)

    def _poll(self, due: Sequence[Project], named: Mapping[int, Collection[str]]) -> None:
        now = self._clock.at
        wanted = self._settled(now)
        if not due and not any(now - one.finished_at >= OVERDUE for one in wanted):
            wanted = []
        places = {one.id for one in due}
        overview = self._estate.abilities.overview
        together = {one for one in places if overview and self._copies[one].together}
        newest = [(one, name) for one in sorted(places) for name in sorted(named.get(one, ()))]
        along = wanted[:ALONG] if self._estate.abilities.links else []
        asked = [self._overviews[one] for one in sorted(places)] if overview else []
        asked += [newest_query(self._projects[one], name) for one, name in newest if overview]
        if along:
            complexity = self._estate.abilities.complexity
            asked += LinkQueries(self._by_project(along), complexity).queries()
        self._requests += requests_for(asked, self._allowance)
        self._forget(along)
        self._read(wanted[len(along) :])
        self._changes(together, named)
        news = {one: self._pending.pop(one) for one in places if one in self._pending}
        self._one_by_one(places - together, news)
        for one in sorted(places):
            self._projects[one] = replace(self._projects[one], polled_at=now)
        for several in news.values():
            for each in several:
                self._shown.add(each.id)
                self._newest[each.place] = each.finished_at - OVERLAP
                self._unsettled.append(each)
        self._read(self._settled(now))
        self._settling.expect()

    def _by_project(self, some: Iterable[_Deployed]) -> dict[Project, list[int]]:
        found: dict[Project, list[int]] = defaultdict(list)
        for one in some:
            found[self._projects[one.place]].append(one.id)
        return found

    def _changes(self, together: Collection[int], named: Mapping[int, Collection[str]]) -> None:
        """Ask for the newest deployments of environments with news, or warm ones."""
        now = self._clock.at
        while self._recent and self._recent[0].finished_at < now - self._reach:
            self._recent.popleft()
        warm: dict[tuple[int, str], Project] = {}
        for one in self._recent:
            if one.place in together:
                project = self._projects[one.place]
                names = named.get(one.place, ())
                old = one.finished_at < min(project.polled_at or 0, now) - OVERLAP
                unknown = one.id not in self._shown
                if unknown or (not old and (not names or one.flow.name in names)):
                    warm[one.place, one.flow.name] = project
        asked = [
            newest_query(project, name)
            for (place, name), project in warm.items()
            if name not in named.get(place, ())
        ]
        self._requests += requests_for(asked, self._allowance)

    def _one_by_one(self, places: Collection[int], news: Mapping[int, Sequence[_Deployed]]) -> None:
        """Read projects of which GitLab does not tell together with others."""
        if not places:
            return
        self._requests += len(places)
        changed = [one for one in places if one in news]
        for one in changed:
            by_flow: dict[str, int] = defaultdict(int)
            for each in news[one]:
                by_flow[each.flow.name] += 1
            self._requests += details(
                self._copies[one].flows,
                by_flow.values(),
                finishes=self._estate.abilities.finishes,
            )
        # The environments of one are read with each poll, in turn.
        self._requests += len(changed) < len(places)

    def _settled(self, now: Instant) -> list[_Deployed]:
        return [one for one in self._unsettled if now - one.finished_at >= SETTLED]

    def _read_links(self) -> None:
        self._read(self._settled(self._clock.at))

    def _read(self, some: Sequence[_Deployed]) -> None:
        """Read merge requests by themselves."""
        for begin in range(0, len(some), MOST):
            batch = self._by_project(some[begin : begin + MOST])
            self._requests += links(batch, self._estate, self._allowance)
        self._forget(some)

    def _forget(self, some: Sequence[_Deployed]) -> None:
        if some:
            gone = {one.id for one in some}
            self._unsettled = [one for one in self._unsettled if one.id not in gone]

    def _all_settled_in(self) -> float | None:
        now = self._clock.at
        waiting = [
            one.finished_at + SETTLED - now
            for one in self._unsettled
            if now - one.finished_at < SETTLED
        ]
        return max(waiting) / MICROSECONDS if waiting else None
