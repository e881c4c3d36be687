"""The few GraphQL queries: environments with tiers, and the exact finish of deployments.

GitLab resolves the deployments of only one environment, and the environments of only one project,
in a query; but several queries travel in one request, each with its own allowance, as long as
their text stays below 10,000 characters together.
https://docs.gitlab.com/ee/api/graphql/ (limits)
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from exporter.gitlab.answers import (
    EnvironmentAnswer,
    EnvironmentNode,
    FinishAnswer,
    read,
    read_connection,
)
from exporter.gitlab.client import PAGE, Client
from exporter.instant import Instant, microseconds

QUERIES_A_REQUEST = 20

_LAG = microseconds(timedelta(days=1))

_ENVIRONMENTS = """query($path: ID!, $after: String) {
  project(fullPath: $path) {
    id
    environments(first: 100, after: $after) {
      nodes { id name tier }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""

_FINISHES = """query($path: ID!, $name: String!, $first: Int!, $after: String) {
  project(fullPath: $path) {
    environment(name: $name) {
      deployments(
        statuses: [SUCCESS], orderBy: {finishedAt: DESC}, first: $first, after: $after
      ) {
        nodes { id finishedAt }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}"""


class UnknownPathError(Exception):
    """The project is not under the path: it moved, or was renamed."""


@dataclass(slots=True)
class _Walk:
    """A connection being read page by page; ``wanted`` are the deployments still looked for."""

    environment: str | None
    wanted: dict[int, Instant]
    after: str | None = None

    def query(self, path: str) -> tuple[str, dict[str, object]]:
        if self.environment is None:
            return _ENVIRONMENTS, {"path": path, "after": self.after}
        return _FINISHES, {
            "path": path,
            "name": self.environment,
            "first": min(len(self.wanted), PAGE) if self.after is None else PAGE,
            "after": self.after,
        }


@dataclass(slots=True)
class ProjectDetails:
    """What GraphQL tells of a project.

    ``environments`` are all it has, None where that was refused; ``finishes`` are exact, by
    deployment, and lack those that GitLab does not tell of.
    """

    environments: list[EnvironmentAnswer] | None
    finishes: dict[int, Instant]


def read_details(
    client: Client,
    path: str,
    wanted: dict[str, dict[int, Instant]],
    *,
    project_id: int | None = None,
) -> ProjectDetails:
    """Read a project's environments and the exact finish of some of its deployments.

    Args:
        client: to ask with.
        path: the project's full path.
        wanted: by environment name, the deployments whose finish is wanted, with an instant
            before which it hardly lies.
        project_id: the project's id; another project may have taken its path.

    Raises:
        UnknownPathError: if there is no project, or another one, under ``path``.
        GitLabError: if a request fails.
    """
    details = ProjectDetails([], {})
    open_walks = [_Walk(None, {}), *(_Walk(name, dict(ids)) for name, ids in wanted.items())]
    while open_walks:
        walks = open_walks[:QUERIES_A_REQUEST]
        answers = client.graphql([walk.query(path) for walk in walks])
        rest = open_walks[QUERIES_A_REQUEST:]
        for walk, data in zip(walks, answers, strict=True):
            if isinstance(data, dict) and data.get("project") is None:
                raise UnknownPathError(path)
            if data and walk.environment is None and not _is_project(data, project_id):
                raise UnknownPathError(path)
            if _take(walk, data, details):
                rest.append(walk)
        open_walks = rest
    return details


def _is_project(data: Any, project_id: int | None) -> bool:
    gid = str(data["project"].get("id"))
    return project_id is None or gid.rpartition("/")[2] == str(project_id)


def _take(walk: _Walk, data: Any, details: ProjectDetails) -> bool:
    """Take one answer in; return whether another page is wanted."""
    if walk.environment is None:
        if data is None or details.environments is None:
            details.environments = None
            return False
        nodes, walk.after = read_connection(data["project"].get("environments"), "environments")
        details.environments += [read(EnvironmentNode, node, "environment") for node in nodes]
        return walk.after is not None
    environment = data["project"].get("environment") if data else None
    if environment is None:  # deleted, or renamed since; the guesses stand
        return False
    nodes, walk.after = read_connection(environment.get("deployments"), "deployments")
    finishes = [read(FinishAnswer, node, "deployment") for node in nodes]
    for one in finishes:
        if walk.wanted.pop(one.id, None) is not None and one.finished is not None:
            details.finishes[one.id] = one.finished
    reached = min((one.finished for one in finishes if one.finished is not None), default=0)
    # The newest come first, so what lies a day behind all that is wanted need not be read.
    return walk.after is not None and any(
        reached > earliest - _LAG for earliest in walk.wanted.values()
    )
