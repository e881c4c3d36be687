"""The request plan: what is asked of GitLab, and in how many requests.

For P projects, of which D deployments are new in E environments, where GraphQL tells it:

==================================  =====================================================
first poll, for each project        ceil(D/100) pages of deployments, one more where over 100
                                    lie before the history; 1 for all environments with their
                                    tiers and the exact finishes, 1 more for each further 100
                                    deployments of one environment; 1 for each environment
                                    whose oldest deployment the pages do not tell
poll with nothing new               ceil(P/50) overviews at most, by their length
poll with D new                     the overviews, and the newest deployments of E environments,
                                    about 40 in a request; both together for projects that events
                                    named
merge requests                      up to 150 deployments in a request, by aliases and by their
                                    length; once, when they are final
==================================  =====================================================

Where it does not, or for what it does not tell whole, one request of REST: for the deployments of a
project since its cursor, for its environments, and for the merge requests of each deployment.

Links that GitLab leaves out cost, where they are wanted, one comparison of commits for each
deployment without any, and one list of merge requests for each project in a poll; always REST.

Deployments are listed from the oldest on at first, by id: so the first page tells which
deployment was each environment's first.
https://docs.gitlab.com/ee/api/deployments.html
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from exporter.clock import Clock
from exporter.dora.facts import Environment, MergeRequest, Project
from exporter.gitlab import graphql
from exporter.gitlab.answers import (
    DeploymentAnswer,
    EnvironmentAnswer,
    ProjectAnswer,
    read,
    read_merge_request,
)
from exporter.gitlab.capabilities import Abilities, Capabilities
from exporter.gitlab.client import Client
from exporter.gitlab.commits import Repositories
from exporter.gitlab.errors import RefusedError, TransientError, UnauthorizedError
from exporter.gitlab.linked import LinkQueries
from exporter.gitlab.listing import DeploymentLists, Listing, next_cursor, reaching
from exporter.gitlab.look import Look, look
from exporter.gitlab.multiplex import Multiplex
from exporter.gitlab.overview import (
    OVERVIEWS_A_REQUEST,
    Newest,
    Overview,
    OverviewEnvironment,
    read_newest,
)
from exporter.instant import Instant
from exporter.store import ProjectState, Reading, SeenDeployment

log = logging.getLogger(__name__)

_Exact = dict[int, Instant]

Newer = tuple[Overview, Collection[OverviewEnvironment]]
"""What a project has now, and the environments whose last success is new."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is new in a project, read together with other projects.

    ``rows`` are the successful deployments that finished at its cursor or later in the
    environments that were deployed to, ``environments`` all that it has.
    """

    rows: Sequence[DeploymentAnswer]
    environments: Sequence[EnvironmentAnswer]
    asked_at: Instant


class _GraphQLLostError(Exception):
    """GraphQL, which answered before, fails."""


class GitLabSource:
    """Reads projects, each in as few requests as GitLab allows."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._capabilities = Capabilities(client, clock)
        self._multiplex = Multiplex(client)
        self._lists = DeploymentLists(client)
        self._missed: set[int] = set()
        self.repositories = Repositories(client)

    def now(self) -> Instant:
        """Return the present instant by GitLab's clock."""
        return self._client.budget.server_time()

    def read_project(
        self,
        project: Project,
        state: ProjectState,
        *,
        since: Instant,
        unknown: Callable[[Collection[int]], set[int]],
        guessed: Callable[[], Sequence[SeenDeployment]],
        environments_due: bool,
        change: Change | None = None,
    ) -> tuple[Reading, str]:
        """Read what is new in a project since it was read last.

        Args:
            project: to read, by its id; the path serves GraphQL.
            state: how far it was read.
            since: where the history begins if it was never read.
            unknown: says which deployments are not stored.
            guessed: gives the stored deployments whose finish is a guess.
            environments_due: whether the environments are wanted though nothing was deployed.
            change: what was read of it already.

        Returns:
            The reading, and the project's full path now.

        Raises:
            GitLabError: if GitLab does not answer as it must.
        """
        asked_at = min(self.now(), self._clock.now())
        if state.cursor is None:
            listing = self._lists.first(project.id, since)
        elif change is not None:
            listing, asked_at = Listing(change.rows), min(asked_at, change.asked_at)
        else:
            listing = Listing(self._lists.after(project.id, reaching(state.cursor, asked_at)))
        found = {row.id: row for row in listing.rows if row.status == "success"}
        covered_since = since if state.covered_since is None else state.covered_since
        new = [_seen(found[one]) for one in sorted(unknown(found.keys()))]
        if state.cursor is not None:
            # The list may reach back to what the retention took, and that is not new again.
            new = _finished(new, covered_since)
        path = project.path
        environments: list[EnvironmentAnswer] | None = None
        exact: _Exact | None = {}
        inexact = self._inexact(guessed)
        if change is not None and not inexact:
            environments = list(change.environments)
        elif new or environments_due or state.cursor is None or inexact:
            names = {row.environment.id: row.environment.name for row in found.values()}
            names |= {
                one.id: one.name for one in state.environments.values() if one.id not in names
            }
            path, environments, exact = self._details(project, [*new, *inexact], names)
        new = [_with_exact(one, exact or {}) for one in new]
        recent = _finished(new, covered_since)
        known = self._known_environments(
            project.id, state, environments, [found[one.id] for one in recent]
        )
        return (
            Reading(
                deployments=recent,
                environments=self._with_oldest(known, recent, found, listing, state, covered_since),
                all_environments=environments is not None,
                cursor=next_cursor(listing.rows, state.cursor or since, asked_at),
                covered_since=covered_since,
                complete=state.complete
                if state.cursor is not None
                else listing.whole and len(recent) == len(new),
                corrected=() if exact is None else list(self._corrected(inexact, exact)),
            ),
            path,
        )

    def projects_a_request(self) -> int:
        """Return how many projects' overviews fit into one request, 1 where there are none."""
        return OVERVIEWS_A_REQUEST if self.has_overviews() else 1

    def has_overviews(self) -> bool:
        """Whether this GitLab tells of many projects at once."""
        return self._capabilities.now().overview

    def look(
        self,
        projects: Sequence[Project],
        named: Mapping[int, Collection[str]],
        links: Mapping[Project, Collection[int]],
    ) -> Look:
        """Return, as far as GraphQL tells, what a poll asks of many projects at first.

        Projects and deployments that are left out must be asked one by one.

        Args:
            projects: whose environments with their last successes are wanted.
            named: by project, names of environments that have news.
            links: the deployments whose merge requests are wanted, by project.

        Raises:
            StoppedError: if the exporter is shutting down.
        """
        able = self._capabilities.now() if projects or links else Abilities()
        asked = LinkQueries(links if able.links else {}, able.complexity)
        try:
            return look(self._multiplex, projects if able.overview else (), named, asked)
        except (RefusedError, TransientError) as error:
            self._lost(error)
            return Look()

    def changes(
        self,
        changed: Mapping[Project, Newer],
        cursors: Mapping[int, Instant],
        told: Newest,
    ) -> dict[int, Change]:
        """Return, by project, what is new in environments that were deployed to.

        Projects that are left out must be asked one by one.

        Args:
            changed: the overview of each project, and those of its environments.
            cursors: by project, from where its deployments are wanted.
            told: answers of :meth:`look` about some of the environments.

        Raises:
            StoppedError: if the exporter is shutting down.
        """
        if not changed:
            return {}
        asked_at = min(self.now(), self._clock.now())
        try:
            rows = read_newest(
                self._multiplex, {one: newer for one, (_, newer) in changed.items()}, cursors, told
            )
        except (RefusedError, TransientError) as error:
            self._lost(error)
            return {}
        return {
            one.id: Change(rows[one.id], overview.environments, asked_at)
            for one, (overview, _) in changed.items()
            if one.id in rows
        }

    def linked(self, wanted: Mapping[Project, Collection[int]]) -> dict[int, list[MergeRequest]]:
        """Return merge requests by deployment, as far as GraphQL tells.

        Deployments that are left out must be asked one by one.

        Raises:
            StoppedError: if the exporter is shutting down.
        """
        able = self._capabilities.now() if wanted else Abilities()
        if not able.links:
            return {}
        asked = LinkQueries(wanted, able.complexity)
        try:
            asked.finish(self._multiplex)
        except (RefusedError, TransientError) as error:
            self._lost(error)
        return asked.found

    def _lost(self, error: RefusedError | TransientError) -> None:
        # A refused token is refused by REST too, which tells of it project by project.
        if not isinstance(error, UnauthorizedError):
            self._capabilities.lost(error)

    def merge_requests(self, project_id: int, deployment_id: int) -> list[MergeRequest]:
        """Return the merge requests that GitLab linked to a deployment."""
        path = f"/projects/{project_id}/deployments/{deployment_id}/merge_requests"
        linked = {one.iid: one for one in map(read_merge_request, self._client.items(path))}
        return list(linked.values())

    def _details(
        self, project: Project, deployments: list[SeenDeployment], names: dict[int, str]
    ) -> tuple[str, list[EnvironmentAnswer], _Exact | None]:
        """Return the project's path, its environments, and exact finishes where GitLab has them.

        The finishes are None if GraphQL, which answered before, does not any more.
        """
        if not deployments:
            return project.path, self._environments(project.id), {}
        if not self._capabilities.now().finishes:  # another thread may have found it lost just now
            return project.path, self._environments(project.id), None
        wanted: dict[str, dict[int, Instant]] = defaultdict(dict)
        for one in deployments:
            # It did not finish before it was created; a guess may lie long after its finish.
            guess = one.finished_at
            earliest = guess if one.created_at is None else min(guess, one.created_at)
            wanted[names[one.environment_id]][one.id] = earliest
        path = project.path
        try:
            details = self._graphql_details(project.id, path, wanted)
            if details is None:
                path = self.project_path(project.id)
                details = self._graphql_details(project.id, path, wanted)
        except _GraphQLLostError as error:
            self._capabilities.lost(error)
            return path, self._environments(project.id), None
        if details is None or details.environments is None:
            found = self._environments(project.id)
            return path, found, details.finishes if details else {}
        return path, details.environments, details.finishes

    def _graphql_details(
        self, project_id: int, path: str, wanted: dict[str, dict[int, Instant]]
    ) -> graphql.ProjectDetails | None:
        """Return what GraphQL tells of the project under a path, None if it is not there."""
        try:
            return graphql.read_details(self._client, path, wanted, project_id=project_id)
        except graphql.UnknownPathError:
            return None
        except (RefusedError, TransientError) as error:
            raise _GraphQLLostError(str(error)) from error

    def project_path(self, project_id: int) -> str:
        """Return the full path that a project has now."""
        answer = self._client.get(f"/projects/{project_id}")
        return read(ProjectAnswer, answer, "project").path_with_namespace

    def environments(self, project_id: int) -> list[Environment]:
        """Return all environments that a project has now, without their oldest deployments."""
        return [
            Environment(one.id, project_id, one.name, one.tier)
            for one in self._environments(project_id)
        ]

    def _environments(self, project_id: int) -> list[EnvironmentAnswer]:
        items = self._client.items(f"/projects/{project_id}/environments")
        return [read(EnvironmentAnswer, item, "environment") for item in items]

    def _known_environments(
        self,
        project_id: int,
        state: ProjectState,
        listed: list[EnvironmentAnswer] | None,
        deployed: Iterable[DeploymentAnswer],
    ) -> dict[int, Environment]:
        """Put what is listed, what the deployments name and what was stored together."""
        known: dict[int, Environment] = {}
        for one in listed or ():
            stored = state.environments.get(one.id)
            known[one.id] = Environment(
                one.id,
                project_id,
                one.name,
                one.tier,
                stored.oldest_deployment_id if stored else None,
            )
        for row in deployed:
            name = row.environment
            if name.id not in known:
                known[name.id] = state.environments.get(name.id) or Environment(
                    name.id, project_id, name.name, None
                )
        return known

    def _with_oldest(  # noqa: PLR0917 - one question over everything that was read
        self,
        known: dict[int, Environment],
        recent: list[SeenDeployment],
        found: dict[int, DeploymentAnswer],
        listing: Listing,
        state: ProjectState,
        covered_since: Instant,
    ) -> list[Environment]:
        """Add, to each environment that was deployed to, the id of its oldest deployment.

        It is asked for only where neither the list nor the environment's age tells it.
        """
        lowest: dict[int, int] = {}
        for one in recent:
            lowest[one.environment_id] = min(lowest.get(one.environment_id, one.id), one.id)
        for number, deployment_id in lowest.items():
            environment = known[number]
            if environment.oldest_deployment_id is not None:
                continue
            created_at = found[deployment_id].environment.created_at
            if number in listing.oldest:
                oldest = listing.oldest[number]
            elif (
                listing.whole
                or (state.cursor is not None and state.complete)
                or (created_at is not None and created_at >= covered_since)
            ):
                oldest = deployment_id
            else:
                oldest = self._lists.oldest(environment) or deployment_id
            known[number] = replace(environment, oldest_deployment_id=oldest)
        return list(known.values())

    def _inexact(self, guessed: Callable[[], Sequence[SeenDeployment]]) -> Sequence[SeenDeployment]:
        """Return the stored deployments whose finish GraphQL could make exact."""
        if self._capabilities.without_finishes:
            return ()
        guesses = guessed()
        return guesses if guesses and self._capabilities.now().finishes else ()

    def _corrected(
        self, inexact: Collection[SeenDeployment], exact: dict[int, Instant]
    ) -> Iterator[SeenDeployment]:
        """Give what became exact, and as unconfirmed what GitLab did not tell of at two polls.

        One answer may be wrong; what is unconfirmed is never asked for again.
        """
        for one in inexact:
            if one.id in exact:
                self._missed.discard(one.id)
                yield _with_exact(one, exact)
            elif one.id in self._missed:
                self._missed.discard(one.id)
                yield replace(one, finish_source="unconfirmed")
            else:
                self._missed.add(one.id)


def _seen(row: DeploymentAnswer) -> SeenDeployment:
    finished_at, source = row.finish()
    return SeenDeployment(
        id=row.id,
        iid=row.iid,
        environment_id=row.environment.id,
        ref=row.ref or "",
        sha=row.sha or "",
        created_at=row.created_at,
        finished_at=finished_at,
        finish_source=source,
    )


def _finished(deployments: Iterable[SeenDeployment], since: Instant) -> list[SeenDeployment]:
    return [one for one in deployments if one.finished_at >= since]


def _with_exact(one: SeenDeployment, exact: dict[int, Instant]) -> SeenDeployment:
    if one.id not in exact:
        return one
    return replace(one, finished_at=exact[one.id], finish_source="deployment")
