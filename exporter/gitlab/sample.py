"""A look at a part of an estate in few requests: how much there is, and what some of it is like.

Counts are read off ``X-Total``, which GitLab leaves out above 10,000 rows; then the last page is
looked for: https://docs.gitlab.com/ee/api/rest/ (pagination). The parts are taken evenly from the
whole, so that the same estate gives the same sample.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

from exporter.clock import Clock
from exporter.dora.facts import Environment, Project
from exporter.gitlab.answers import (
    DeploymentAnswer,
    FinishAnswer,
    GroupAnswer,
    ProjectAnswer,
    read,
    read_connection,
    read_merge_request,
)
from exporter.gitlab.capabilities import Abilities, Capabilities
from exporter.gitlab.client import PAGE, Client, Page
from exporter.gitlab.discovery import (
    PROJECTS_A_QUERY,
    discover_many,
    discover_project,
    list_of_projects,
)
from exporter.gitlab.errors import BadAnswerError, NotFoundError, RefusedError
from exporter.gitlab.linked import LinkQueries
from exporter.gitlab.multiplex import TEXT, Multiplex, Query
from exporter.gitlab.overview import (
    OVERVIEWS_A_REQUEST,
    OverviewEnvironment,
    overview_query,
    read_overviews,
)
from exporter.instant import Instant

_Item = TypeVar("_Item")

_COUNTED = 10_000
"""Rows up to which GitLab tells how many there are."""

_FARTHEST = 50_000
"""Rows that the pages of a list of projects reach."""

_OF_A_FOLDER = 3
"""Environments of a folder, such as review apps, that are asked about; the others are alike."""

_FINISHES = (
    "query($p:ID!,$n:String!){project(fullPath:$p){environment(name:$n){deployments("
    "statuses:[SUCCESS],orderBy:{finishedAt:DESC},first:100){nodes{id finishedAt}"
    "pageInfo{hasNextPage endCursor}}}}}"
)


_FINISHES_A_REQUEST = TEXT // len(_FINISHES)


@dataclass(frozen=True, slots=True)
class GroupSample:
    """A group: how many projects and subgroups it has, and some of them.

    ``size`` is how many projects a page of its list holds.
    """

    projects: int
    listed: Sequence[Project]
    subgroups: int
    listed_subgroups: Sequence[str]
    size: int = PAGE


@dataclass(frozen=True, slots=True)
class EnvironmentSample:
    """An environment with the newest of its successful deployments.

    ``finishes`` are theirs, the newest first, and ``ids`` in the same order; ``older`` is about how
    many lie further back than those.
    """

    environment: Environment
    created_at: Instant | None
    finishes: Sequence[Instant] = ()
    ids: Sequence[int] = ()
    older: float = 0.0


@dataclass(frozen=True, slots=True)
class ProjectSample:
    """A project. ``together`` says that GitLab tells of it together with others."""

    project: Project
    environments: Sequence[EnvironmentSample]
    together: bool


class Sampler:
    """Asks about parts of an estate; used from one thread."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._capabilities = Capabilities(client, clock)
        self._multiplex = Multiplex(client)

    def abilities(self) -> Abilities:
        """Return what this GitLab's GraphQL can do; 1 request."""
        return self._capabilities.now()

    def group(
        self, group: str | int, *, include_subgroups: bool, archived: bool, more_pages: int
    ) -> GroupSample:
        """Count a group's projects and subgroups and list some; 2 requests and ``more_pages``.

        Above 10,000 projects up to 9 requests more.

        Raises:
            GitLabError: if the group is not there for the token, or GitLab fails.
        """
        path = f"/groups/{quote(str(group), safe='')}"
        parameters = list_of_projects(include_subgroups=include_subgroups, archived=archived)
        first = self._page(f"{path}/projects", 1, parameters)
        size = PAGE if first.last else len(first.items)
        number = self._total(f"{path}/projects", first, size, parameters)
        items = list(first.items)
        last = -(-number // size) if size else 1
        for page in spread(range(2, last + 1), more_pages):
            items += self._page(f"{path}/projects", page, parameters).items
        listed = {
            one.id: Project(one.id, one.path_with_namespace)
            for one in (read(ProjectAnswer, item, "project") for item in items)
        }
        subgroups, paths = self._subgroups(path) if include_subgroups else (0, [])
        return GroupSample(number, list(listed.values()), subgroups, paths, size)

    def projects(self, entries: Sequence[str | int]) -> list[Project]:
        """Return some of the projects that the configuration lists; 1 request by GraphQL."""
        some = spread(entries, PROJECTS_A_QUERY)
        found = discover_many(self._client, some) if self.abilities().overview else {}
        if not found:
            found = {one: discover_project(self._client, one) for one in spread(entries, 5)}
        return [
            Project(number, path) for one in found.values() for number, path in one.projects.items()
        ]

    def read(self, projects: Sequence[Project], *, requests: int) -> list[ProjectSample]:
        """Return what some projects are like, as many as that number of requests can tell."""
        if not self.abilities().overview:
            return [self._by_list(one) for one in spread(projects, requests)]
        answers = self._multiplex.run([overview_query(one) for one in projects])
        overviews = read_overviews(projects, answers)
        told = [one for one in projects if one.id in overviews]
        left = requests - -(-len(projects) // OVERVIEWS_A_REQUEST)
        many = [one for one in projects if one.id not in overviews]
        large = [self._by_list(one) for one in spread(many, 2)]
        asked: dict[int, list[OverviewEnvironment]] = {}
        room = max(1, left - len(large)) * _FINISHES_A_REQUEST
        for one in spread(told, len(told), mixed=True):
            wanted = _to_ask(overviews[one.id].environments)
            if asked and len(wanted) > room:
                continue
            room -= len(wanted)
            asked[one.id] = wanted
        chosen = [one for one in told if one.id in asked]
        finishes = self._finishes([(one, each) for one in chosen for each in asked[one.id]])
        samples = [
            ProjectSample(
                one,
                _alike(one, overviews[one.id].environments, finishes),
                together=True,
            )
            for one in chosen
        ]
        # Those that are told one by one keep their share.
        share = len(many) / len(told) if told else 0.0
        wanted_large = max(1, round(share * len(samples))) if large else 0
        return samples + [large[n % len(large)] for n in range(wanted_large)]

    def links(self, deployments: Mapping[Project, Collection[int]]) -> dict[int, int]:
        """Return how many merge requests are linked to deployments, as far as GraphQL tells."""
        able = self.abilities()
        if able.links:
            asked = LinkQueries(deployments, able.complexity)
            asked.finish(self._multiplex)
            return {one: len(linked) for one, linked in asked.found.items()}
        return {
            one: len(self._linked(project.id, one))
            for project, ids in deployments.items()
            for one in ids
        }

    def _linked(self, project_id: int, deployment_id: int) -> set[int]:
        path = f"/projects/{project_id}/deployments/{deployment_id}/merge_requests"
        page = next(self._client.pages(path))
        return {read_merge_request(item).iid for item in page.items}

    def _page(self, path: str, number: int, parameters: Mapping[str, object]) -> Page:
        wanted = {**parameters, "page": number} if number > 1 else parameters
        return next(self._client.pages(path, **wanted))

    def _total(self, path: str, first: Page, size: int, parameters: Mapping[str, object]) -> int:
        if first.total is not None or first.last:
            return first.total if first.total is not None else len(first.items)
        low, high = _COUNTED // size, _FARTHEST // size
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (
                (middle, high) if self._page(path, middle, parameters).items else (low, middle - 1)
            )
        return low * size

    def _subgroups(self, path: str) -> tuple[int, list[str]]:
        try:
            page = self._page(f"{path}/descendant_groups", 1, {})
        except NotFoundError:  # since GitLab 13.5
            return 0, []
        paths = [read(GroupAnswer, item, "group").full_path for item in page.items]
        return page.total if page.total is not None else len(paths), paths

    def _by_list(self, project: Project) -> ProjectSample:
        """Read a project off the newest page of its deployments."""
        path = f"/projects/{project.id}/deployments"
        try:
            page = self._page(path, 1, {"status": "success", "order_by": "id", "sort": "desc"})
        except RefusedError:  # the poll will meet the same
            return ProjectSample(project, (), together=False)
        rows = [read(DeploymentAnswer, item, "deployment") for item in page.items]
        older = max(0, (page.total or len(rows)) - len(rows))
        by_environment: dict[int, list[DeploymentAnswer]] = defaultdict(list)
        for row in rows:
            by_environment[row.environment.id].append(row)
        return ProjectSample(
            project,
            [
                EnvironmentSample(
                    Environment(number, project.id, several[0].environment.name, None),
                    several[0].environment.created_at,
                    sorted((row.finish()[0] for row in several), reverse=True),
                    [row.id for row in several],
                    older * len(several) / len(rows),
                )
                for number, several in by_environment.items()
            ],
            together=False,
        )

    def _finishes(
        self, asked: Sequence[tuple[Project, OverviewEnvironment]]
    ) -> dict[int, tuple[Sequence[Instant], Sequence[int], float]]:
        """Return, by environment, the newest finishes, their ids, and how many lie further back."""
        answers = self._multiplex.run(
            [Query(_FINISHES, {"p": project.path, "n": one.name}) for project, one in asked]
        )
        found: dict[int, tuple[Sequence[Instant], Sequence[int], float]] = {}
        for (_, one), data in zip(asked, answers, strict=True):
            try:
                told = data["project"]["environment"]["deployments"]
                nodes, more = read_connection(told, "deployments")
                seen = [read(FinishAnswer, node, "deployment") for node in nodes]
            except (KeyError, TypeError, BadAnswerError):
                continue
            known = [(each.finished, each.id) for each in seen if each.finished is not None]
            finishes = [finished for finished, _ in known]
            older = 0.0
            if more is not None and finishes:
                begin = finishes[-1] if one.created is None else one.created
                pace = len(finishes) / max(1, finishes[0] - finishes[-1])
                older = max(1.0, pace * (finishes[-1] - begin))
            found[one.id] = finishes, [number for _, number in known], older
        return found


def spread(items: Sequence[_Item], number: int, *, mixed: bool = False) -> list[_Item]:
    """Return so many of the items, taken evenly; all if there are no more.

    Args:
        items: to take from.
        number: how many.
        mixed: whether neighbours come far apart, so that a beginning is a sample as well.
    """
    some = (
        list(items)
        if number >= len(items)
        else [items[(2 * n + 1) * len(items) // (2 * number)] for n in range(max(0, number))]
    )
    if not mixed or len(some) < 3:
        return some
    # Steps of the golden section, which meet each once if they share no factor with the length.
    step = round(len(some) * 0.618)
    while _common(step, len(some)) > 1:
        step += 1
    return [some[n * step % len(some)] for n in range(len(some))]


def _common(one: int, other: int) -> int:
    while other:
        one, other = other, one % other
    return one


def _folder(name: str) -> str | None:
    folder, slash, _ = name.partition("/")
    return folder if slash else None


def _to_ask(environments: Sequence[OverviewEnvironment]) -> list[OverviewEnvironment]:
    """Return the environments with deployments, of each folder only some."""
    active = [one for one in environments if one.last is not None]
    folders: dict[str, list[OverviewEnvironment]] = defaultdict(list)
    for one in active:
        if (folder := _folder(one.name)) is not None:
            folders[folder].append(one)
    return [one for one in active if _folder(one.name) is None] + [
        one for several in folders.values() for one in spread(several, _OF_A_FOLDER)
    ]


def _alike(
    project: Project,
    environments: Sequence[OverviewEnvironment],
    finishes: Mapping[int, tuple[Sequence[Instant], Sequence[int], float]],
) -> list[EnvironmentSample]:
    """Return all environments; those of a folder that were not asked about are like the others."""
    models: dict[str | None, list[tuple[Sequence[Instant], float]]] = defaultdict(list)
    for one in environments:
        if one.id in finishes:
            times, _, older = finishes[one.id]
            models[_folder(one.name)].append((times, older))
    samples = []
    for number, one in enumerate(environments):
        times, ids, older = finishes.get(one.id, ((), (), 0.0))
        last = one.finished_at
        if one.id not in finishes and last is not None:
            several = models[_folder(one.name)] or [((last,), 0.0)]
            like, older = several[number % len(several)]
            # As the other, but up to its own last.
            times = [last - (like[0] - each) for each in like] or (last,)
        environment = Environment(one.id, project.id, one.name, one.tier)
        samples.append(EnvironmentSample(environment, one.created, times, ids, older))
    return samples
