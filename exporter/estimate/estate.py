"""A model of the estate that a configuration names, from a handful of requests to GitLab.

At most :data:`MOST_REQUESTS`: for each of up to three groups, the first page of its projects and of
its subgroups; two more pages of projects; what GraphQL can do; three requests for what some 150
projects have, and five for when they were deployed to; two for merge requests. A GitLab without
these fields of GraphQL tells of one project in a request, and is asked about forty.
"""

from collections import defaultdict
from collections.abc import Sequence

from exporter.config import GroupScope, Settings
from exporter.dora.facts import Project
from exporter.estimate.model import Estate, Flow, Linking, ProjectModel, Scope
from exporter.gitlab.client import PAGE
from exporter.gitlab.discovery import PROJECTS_A_QUERY
from exporter.gitlab.sample import GroupSample, ProjectSample, Sampler, spread
from exporter.instant import Instant
from exporter.poller.discovery import MANY
from exporter.rules import tier_of

MOST_REQUESTS = 20
"""Above 10,000 projects up to 9 more, because GitLab does not count them."""

MOST_REQUESTS_ONE_BY_ONE = 70
"""Where GitLab tells of one project in a request."""

_GROUPS = 3
_MORE_PAGES = 2
_MORE_PAGES_BESIDE_PROJECTS = 1
_PROJECTS = 150
_READING = 8
_ENVIRONMENTS = 50
_PROJECTS_ONE_BY_ONE = 40
_ENVIRONMENTS_ONE_BY_ONE = 6


def look_at(settings: Settings, sampler: Sampler, now: Instant) -> Estate:
    """Return a model of what the settings put in scope.

    Args:
        settings: name it.
        sampler: asks GitLab.
        now: the present.

    Raises:
        GitLabError: if GitLab does not answer, or what is named is not there for the token.
    """
    scope = _scope(settings, sampler)
    able = sampler.abilities()
    number = _PROJECTS if able.overview else _PROJECTS_ONE_BY_ONE
    samples = sampler.read(
        spread(scope.listed, number),
        requests=_READING if able.overview else number,
    )
    linking, untold = _links(settings, sampler, samples, together=able.links)
    return Estate(
        now,
        scope,
        able,
        [_model(one, settings) for one in samples],
        linking,
        untold,
        max((max(each.ids, default=1) for one in samples for each in one.environments), default=1),
    )


def _scope(settings: Settings, sampler: Sampler) -> Scope:
    outer = [one for one in settings.groups if not _inside(one, settings.groups)]
    asked = spread(outer, _GROUPS)
    more_pages = _MORE_PAGES_BESIDE_PROJECTS if settings.projects else _MORE_PAGES
    found = {
        one.path: sampler.group(
            one.path,
            include_subgroups=one.include_subgroups,
            archived=one.archived,
            more_pages=more_pages if one is asked[0] else 0,
        )
        for one in asked
    }
    projects = groups = 0.0
    listed: dict[int, Project] = {}
    paths: list[str] = []
    for one in asked:
        sample = found[one.path]
        kept = [each for each in sample.listed if not _excluded(each.path, settings)]
        share = len(kept) / len(sample.listed) if sample.listed else 1.0
        projects += sample.projects * share
        own = one.path if isinstance(one.path, str) else _root(sample)
        inside = [each for each in (own, *sample.listed_subgroups) if each]
        paths += [each for each in inside if not _excluded(f"{each}/", settings)]
        groups += 1 + sample.subgroups
        listed |= {each.id: each for each in kept}
    discovery = sum(_of_group(found.get(one.path), one) for one in asked)
    many = len(outer) / len(asked) if asked else 1.0
    projects, groups, discovery = projects * many, groups * many, round(discovery * many)
    discovery += 3 * (len(settings.groups) - len(outer))
    single = [one for one in settings.projects if not _below(one, paths)]
    if single:
        some = [one for one in sampler.projects(single) if not _excluded(one.path, settings)]
        listed |= {each.id: each for each in some}
        projects += len(single)
    together = len(settings.projects) >= MANY and sampler.abilities().overview
    discovery += (
        -(-len(settings.projects) // PROJECTS_A_QUERY) if together else len(settings.projects)
    )
    return Scope(
        max(round(projects), len(listed)), list(listed.values()), round(groups), paths, discovery
    )


def _of_group(sample: GroupSample | None, entry: GroupScope) -> int:
    """Return what the discovery of a group costs."""
    if sample is None:
        return 0
    subgroups = max(1, -(-sample.subgroups // PAGE)) if entry.include_subgroups else 0
    return 1 + max(1, -(-sample.projects // max(1, sample.size))) + subgroups


def _inside(one: GroupScope, others: Sequence[GroupScope]) -> bool:
    return any(
        isinstance(one.path, str)
        and isinstance(other.path, str)
        and other.include_subgroups
        and one.path.startswith(f"{other.path}/")
        for other in others
    )


def _below(entry: str | int, paths: Sequence[str]) -> bool:
    return isinstance(entry, str) and any(entry.startswith(f"{path}/") for path in paths)


def _root(sample: GroupSample) -> str | None:
    """Return the path of a group that is configured by its id, as its projects tell."""
    return min((one.group for one in sample.listed), key=len, default=None)


def _excluded(path: str, settings: Settings) -> bool:
    return any(one.search(path) for one in settings.exclude)


def _model(sample: ProjectSample, settings: Settings) -> ProjectModel:
    return ProjectModel(
        sample.project,
        [
            Flow(
                one.environment.name,
                tier_of(one.environment, settings),
                one.created_at,
                one.finishes,
                one.older,
            )
            for one in sample.environments
        ],
        sample.together,
    )


def _links(
    settings: Settings, sampler: Sampler, samples: Sequence[ProjectSample], *, together: bool
) -> tuple[dict[str, Linking], float]:
    """Return how often deployments bring merge requests, by tier, and the share of untold ones."""
    candidates = [
        (one.project, each.ids[:2], tier_of(each.environment, settings))
        for one in samples
        for each in one.environments
        # The first deployment of all is another matter.
        if len(each.finishes) + each.older > 2 and len(each.ids) >= 2
    ]
    asked = spread(candidates, _ENVIRONMENTS if together else _ENVIRONMENTS_ONE_BY_ONE)
    wanted: dict[Project, list[int]] = defaultdict(list)
    for project, ids, _ in asked:
        wanted[project] += ids
    found = sampler.links(wanted) if wanted else {}
    pairs: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for _, (newest, before), tier in asked:
        if newest in found and before in found:
            pairs[tier].append((found[newest] > 0, found[before] > 0))
    untold = sum(number not in found for _, ids, _ in asked for number in ids)
    return (
        {tier: Linking.of(several) for tier, several in pairs.items()},
        untold / (2 * len(asked)) if asked and together else 0.0,
    )
