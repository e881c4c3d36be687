"""What a first poll asks, project by project, as :mod:`exporter.gitlab.plan` says."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

from exporter.config import Settings
from exporter.dora.facts import Project
from exporter.estimate.model import Estate, Flow, ProjectModel
from exporter.gitlab.client import PAGE
from exporter.gitlab.graphql import QUERIES_A_REQUEST
from exporter.gitlab.linked import LinkQueries
from exporter.gitlab.multiplex import MOST, Allowance, Query, fitting
from exporter.instant import Instant
from exporter.poller.gaps import ASKED_A_POLL

MODELS = 5000
"""Projects that are gone through one by one; they stand for more."""


@dataclass(frozen=True, slots=True)
class FirstPoll:
    """What it asks: to find the projects, for each of them, and for merge requests.

    ``before`` is asked one after the other, the rest side by side. ``deployments`` are stored.
    ``deviation`` is by which share it may be less or more: two standard errors of the sample.
    ``comparisons`` of commits are asked for by the first polls, where that is configured.
    """

    before: int
    of_projects: float
    of_links: float
    deployments: float
    deviation: float
    comparisons: float = 0.0

    @property
    def requests(self) -> float:
        """How many requests it is."""
        compared = min(self.comparisons, ASKED_A_POLL)
        return self.before + self.of_projects + self.of_links + compared


def first_poll(estate: Estate, settings: Settings, since: Instant) -> FirstPoll:
    """Return what the first poll asks, discovery and the questions about token and GraphQL too.

    Args:
        estate: to poll.
        settings: say whether first deployments count.
        since: where the history begins.
    """
    copies = estate.copies(MODELS)
    scale = estate.scope.projects / len(copies) if copies else 1.0
    include_first = settings.lead_time.first_deployment == "include"
    requests = [_of_project(one, since, finishes=estate.abilities.finishes) for one in copies]
    wanted = [_unsettled(one, since, include_first=include_first) for one in copies]
    of_links = _of_links(estate, copies, wanted)
    of_a_deployment = of_links / max(1, sum(wanted))
    looked_at = min(len(estate.models), len(copies))
    sample = [
        one + number * of_a_deployment
        for one, number in zip(requests[:looked_at], wanted, strict=False)
    ]
    return FirstPoll(
        before=estate.scope.discovery + 2,
        of_projects=sum(requests) * scale,
        of_links=of_links * scale,
        deployments=sum(flow.since(since) for one in copies for flow in one.flows) * scale,
        deviation=_deviation(sample, estate.scope.projects),
        comparisons=sum(
            estate.unlinked(flow.tier) * flow.since(since) for one in copies for flow in one.flows
        )
        * scale
        if settings.lead_time.missing_links == "compare"
        else 0.0,
    )


def _deviation(sample: Sequence[float], of: int) -> float:
    """Return two standard errors of a mean, as a share of it; 0 where nothing was left out."""
    if len(sample) < 2 or len(sample) >= of or not sum(sample):
        return 0.0
    left_out = 1 - len(sample) / of
    return 2 * stdev(sample) / mean(sample) * sqrt(left_out / len(sample))


def requests_for(queries: Sequence[Query], allowance: Allowance) -> int:
    """Return in how many requests GraphQL queries travel if GitLab answers all in time."""
    left, requests = queries, 0
    while left:
        number, full = fitting(left, allowance.most)
        allowance.succeeded(sum(one.weight for one in left[:number]), full=full)
        left = left[number:]
        requests += 1
    return requests


def details(flows: Sequence[Flow], wanted: Iterable[float], *, finishes: bool) -> int:
    """Return in how many requests a project's environments, and exact finishes, are read."""
    environments = _pages(len(flows))
    deployments = [_pages(number) for number in wanted if number >= 0.5]
    if not finishes or not deployments:
        return environments
    walks, requests = [environments, *deployments], 0
    while walks:
        some, walks = walks[:QUERIES_A_REQUEST], walks[QUERIES_A_REQUEST:]
        walks += [pages - 1 for pages in some if pages > 1]
        requests += 1
    return requests


def _of_project(one: ProjectModel, since: Instant, *, finishes: bool) -> float:
    recent = [flow.since(since) for flow in one.flows]
    old = [flow.number - number for flow, number in zip(one.flows, recent, strict=True)]
    if sum(old) < PAGE:  # the first page reaches into the history, and the list is read whole
        wanted = [flow.number for flow in one.flows]
        return _pages(sum(wanted)) + details(one.flows, wanted, finishes=finishes)
    asked = sum(
        number >= 0.5 and before < 0.5 and flow.created_at is not None and flow.created_at < since
        for flow, number, before in zip(one.flows, recent, old, strict=True)
    )
    return 1 + _pages(sum(recent)) + details(one.flows, recent, finishes=finishes) + asked


def _pages(rows: float) -> int:
    return max(1, -(-round(rows) // PAGE))


def _unsettled(one: ProjectModel, since: Instant, *, include_first: bool) -> int:
    """Return of how many deployments the merge requests are asked for."""
    number = 0.0
    for flow in one.flows:
        recent = flow.since(since)
        is_first = recent >= 0.5 and flow.number - recent < 0.5
        number += recent - (1 if is_first and not include_first else 0)
    return max(0, round(number))


def _of_links(estate: Estate, copies: Sequence[ProjectModel], wanted: Sequence[int]) -> float:
    total = sum(wanted)
    if not estate.abilities.links:
        return total
    allowance, requests = Allowance(), 0
    next_id = max(1, estate.newest_id - total)
    batch: dict[Project, list[int]] = defaultdict(list)
    room = MOST
    for one, number in zip(copies, wanted, strict=True):
        left = number
        while left:
            some = min(left, room)
            batch[one.project] += range(next_id, next_id + some)
            next_id, left, room = next_id + some, left - some, room - some
            if not room:
                requests += links(batch, estate, allowance)
                batch.clear()
                room = MOST
    if batch:
        requests += links(batch, estate, allowance)
    return requests + estate.untold * total


def links(wanted: dict[Project, list[int]], estate: Estate, allowance: Allowance) -> int:
    """Return in how many requests the merge requests of some deployments are asked for."""
    if not estate.abilities.links:
        return sum(len(ids) for ids in wanted.values())
    return requests_for(LinkQueries(wanted, estate.abilities.complexity).queries(), allowance)
