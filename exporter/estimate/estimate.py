"""The estimate: a few requests, and then arithmetic."""

from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from threading import Event

from exporter.asking import new_client, token_of
from exporter.clock import Clock
from exporter.config import Settings, TokenSource
from exporter.dora.calendar import day_begins, day_of
from exporter.estimate.estate import look_at
from exporter.estimate.first_poll import FirstPoll, first_poll
from exporter.estimate.hours import requests_per_hour
from exporter.estimate.memory import memory
from exporter.estimate.model import CYCLE, Estate
from exporter.estimate.series import series
from exporter.gitlab import Budget
from exporter.gitlab.sample import Sampler
from exporter.instant import Instant, microseconds


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a configuration will cost.

    ``projects`` and ``groups`` are in scope, ``looked_at`` of the projects were looked at, in
    ``requests_made``. ``graphql`` says that GitLab tells of many projects and deployments at once.
    The next six are about the first poll, which stores ``deployments``; ``first_poll_deviation`` is
    by which share its requests may well be fewer or more, because not all projects were looked at,
    and ``per_second`` how many it makes a second, because of ``limited_by``. ``comparisons`` of
    commits are asked for by it and the next ones, where ``lead_time.missing_links`` says so.
    ``requests_per_hour`` is the average afterwards, with ``deployments_per_hour``. Memory is in
    bytes. The last two are as they will be when everything younger than ``poll.retention`` is
    stored.
    """

    projects: int
    groups: int
    looked_at: int
    requests_made: int
    graphql: bool
    first_poll_requests: int
    first_poll_deviation: float
    first_poll_seconds: float
    per_second: float
    limited_by: str
    deployments: int
    comparisons: int
    requests_per_hour: float
    deployments_per_hour: float
    series: int
    max_series: int
    memory: float
    deployments_in_the_end: int
    memory_in_the_end: float


class _TimedBudget(Budget):
    """Measures how long GitLab takes to answer, without the wait for a turn."""

    def __init__(
        self, clock: Clock, stop: Event, *, requests_per_second: float, reserve: float
    ) -> None:
        super().__init__(clock, stop, requests_per_second=requests_per_second, reserve=reserve)
        self._ticks = clock.monotonic
        self._began = 0.0
        self.took: list[float] = []

    def spend(self) -> None:
        super().spend()
        self._began = self._ticks()

    def ended(self) -> None:
        super().ended()
        self.took.append(self._ticks() - self._began)


def estimate(settings: Settings, token: TokenSource, clock: Clock) -> Estimate:
    """Look at a part of the estate and return what polling all of it will cost.

    Raises:
        GitLabError: if GitLab does not answer, or what is named is not there for the token.
    """
    stop = Event()
    budget = _TimedBudget(clock, stop, **settings.gitlab.limits)
    client = new_client(
        settings,
        token_of(token),
        clock=clock,
        stop=stop,
        budget=budget,
        observer=lambda _endpoint, _code: None,
    )
    try:
        estate = look_at(settings, Sampler(client, clock), clock.now())
    finally:
        client.close()
    return _reckon(settings, estate, budget)


def _reckon(settings: Settings, estate: Estate, budget: _TimedBudget) -> Estimate:
    since = _back(settings, estate.now, settings.poll.history.timedelta)
    poll = first_poll(estate, settings, since)
    latency = median(budget.took) if budget.took else 0.0
    seconds, per_second, limited_by = _time(settings, poll, latency, budget.limit)
    shown = series(estate, settings, since)
    pace = _deployments_per_hour(estate)
    # In the long run each deployment without merge requests is compared once.
    unlinked = poll.comparisons / poll.deployments if poll.deployments else 0.0
    retention = settings.effective_retention.timedelta
    in_the_end = max(poll.deployments, pace * (retention / timedelta(hours=1)))
    return Estimate(
        projects=estate.scope.projects,
        groups=estate.scope.groups,
        looked_at=min(len(estate.models), estate.scope.projects),
        requests_made=len(budget.took),
        graphql=estate.abilities.overview and estate.abilities.links,
        first_poll_requests=round(poll.requests),
        first_poll_deviation=poll.deviation,
        first_poll_seconds=seconds,
        per_second=per_second,
        limited_by=limited_by,
        deployments=round(poll.deployments),
        comparisons=round(poll.comparisons),
        requests_per_hour=requests_per_hour(estate, settings) + pace * unlinked,
        deployments_per_hour=pace,
        series=round(shown),
        max_series=settings.metrics.max_series,
        memory=memory(series=shown, deployments=poll.deployments),
        deployments_in_the_end=round(in_the_end),
        memory_in_the_end=memory(series=shown, deployments=in_the_end),
    )


def _back(settings: Settings, now: Instant, reach: timedelta) -> Instant:
    """Return where a history begins that reaches so far back: with a whole day."""
    zone = settings.timezone
    return day_begins(day_of(now - microseconds(reach), zone), zone)


def _time(
    settings: Settings, poll: FirstPoll, latency: float, limit: float | None
) -> tuple[float, float, str]:
    """Return the seconds of a first poll, its requests a second, and what keeps them so few.

    Args:
        settings: how fast GitLab may be asked.
        poll: what is asked.
        latency: seconds that GitLab takes for an answer.
        limit: the requests a minute that GitLab allows, None if it does not tell.
    """
    gitlab = settings.gitlab
    rates = [(gitlab.max_requests_per_second, "gitlab.max_requests_per_second")]
    if limit:
        allowed = limit * (1 - gitlab.rate_limit_reserve) / 60
        rates.append((allowed, "GitLab's rate limit, less gitlab.rate_limit_reserve"))
    one_by_one = min(rate for rate, _ in [*rates, *([(1 / latency, "")] if latency else [])])
    if latency:
        rates.append((gitlab.concurrency / latency, "GitLab's answers and gitlab.concurrency"))
    rate, reason = min(rates)
    beside = poll.requests - poll.before
    return poll.before / one_by_one + beside / rate, rate, reason


def _deployments_per_hour(estate: Estate) -> float:
    if not estate.models:
        return 0.0
    number = sum(len(flow.cycle(estate.now)) for one in estate.models for flow in one.flows)
    hours = CYCLE / microseconds(timedelta(hours=1))
    return number / hours * estate.scope.projects / len(estate.models)
