"""What changed at all: the environments of many projects, each with its last success.

GitLab takes ``lastDeployment`` for any number of environments, and orders successes by their
finish; so a project is unchanged if the last success of each of its environments is known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field

from exporter.dora.facts import Environment, Project
from exporter.gitlab.answers import (
    DeploymentAnswer,
    EnvironmentName,
    EnvironmentNode,
    Gid,
    Iid,
    Text,
    When,
    read,
    read_connection,
)
from exporter.gitlab.errors import BadAnswerError
from exporter.gitlab.multiplex import TEXT, Multiplex, Query
from exporter.instant import Instant

_OVERVIEW = (
    "query($p:ID!){project(fullPath:$p){id environments(first:100){nodes{id name tier createdAt "
    "lastDeployment(status:SUCCESS){id createdAt finishedAt}}pageInfo{hasNextPage endCursor}}}}"
)

OVERVIEWS_A_REQUEST = TEXT // len(_OVERVIEW)

_NEWEST = (
    "query($p:ID!,$n:String!){project(fullPath:$p){id environment(name:$n){id deployments("
    "statuses:[SUCCESS],orderBy:{finishedAt:DESC},first:20){nodes{id iid ref sha createdAt "
    "finishedAt}pageInfo{hasNextPage endCursor}}}}}"
)

_DIGITS = 20
"""No id has as many."""

Newest = Mapping[tuple[int, str], Any]
"""Answers about the newest deployments of environments, by the project's id and their name."""


class _LastDeployment(BaseModel):
    id: Gid
    created: When | None = Field(alias="createdAt")
    finished: When | None = Field(alias="finishedAt")


class OverviewEnvironment(EnvironmentNode):
    """An environment with its last success."""

    created: When | None = Field(alias="createdAt")
    last: _LastDeployment | None = Field(alias="lastDeployment")

    @property
    def finished_at(self) -> Instant | None:
        """When its last success finished, None where there is none or GitLab does not tell."""
        return self.last.finished if self.last else None


class _NewestDeployment(BaseModel):
    id: Gid
    iid: Iid = 0
    ref: Text | None = None
    sha: Text | None = None
    created: When | None = Field(alias="createdAt")
    finished: When | None = Field(alias="finishedAt")


class _ExactDeployment(DeploymentAnswer):
    exact_finish: Instant

    def finish(self) -> tuple[Instant, str]:
        return self.exact_finish, "deployment"


@dataclass(frozen=True, slots=True)
class Overview:
    """All environments that a project has, with the last success of each that has one."""

    environments: Sequence[OverviewEnvironment]

    def last_since(self, begin: Instant) -> dict[int, OverviewEnvironment]:
        """Return, by the id of its last success, each environment where it may lie in a history.

        Args:
            begin: of the history.
        """
        return {
            one.last.id: one
            for one in self.environments
            if one.last is not None and (one.last.finished or one.last.created or begin) >= begin
        }

    def known(self, project_id: int) -> list[Environment]:
        """Return all environments of the project, without their oldest deployments."""
        return [Environment(one.id, project_id, one.name, one.tier) for one in self.environments]


def overview_query(project: Project) -> Query:
    """Return the query for the overview of a project."""
    return Query(_OVERVIEW, {"p": project.path})


def newest_query(project: Project, environment: str) -> Query:
    """Return the query for the newest deployments of an environment, by its name."""
    return Query(_NEWEST, {"p": project.path, "n": environment})


def read_overviews(projects: Sequence[Project], answers: Sequence[Any]) -> dict[int, Overview]:
    """Return overviews by the project's id; those that GitLab does not tell whole are left out."""
    found: dict[int, Overview] = {}
    for project, data in zip(projects, answers, strict=True):
        told = _project(data, project.id)
        if told is None:
            continue
        try:
            nodes, more = read_connection(told.get("environments"), "environments")
            environments = [read(OverviewEnvironment, node, "environment") for node in nodes]
        except BadAnswerError:
            continue
        if more is None:
            found[project.id] = Overview(environments)
    return found


def read_newest(
    multiplex: Multiplex,
    changed: Mapping[Project, Iterable[OverviewEnvironment]],
    cursors: Mapping[int, Instant],
    told: Newest | None = None,
) -> dict[int, list[DeploymentAnswer]]:
    """Read what finished in some environments at a project's cursor or later, by project.

    Projects for which GitLab does not tell all of it, with each finish, are left out.

    Args:
        multiplex: to ask with.
        changed: environments with news, by project.
        cursors: by project.
        told: answers that are there already.

    Raises:
        GitLabError: if GitLab does not answer.
    """
    answers = {key: data for key, data in (told or {}).items() if data is not None}
    walks = [(project, one) for project, several in changed.items() for one in several]
    asked = [(project, one) for project, one in walks if (project.id, one.name) not in answers]
    fresh = multiplex.run([newest_query(project, one.name) for project, one in asked])
    answers |= {
        (project.id, one.name): data for (project, one), data in zip(asked, fresh, strict=True)
    }
    found: dict[int, list[DeploymentAnswer]] = {project.id: [] for project in changed}
    for project, environment in walks:
        data = answers[project.id, environment.name]
        rows = _newest(data, project, environment, cursors[project.id])
        if rows is None:
            found.pop(project.id, None)
        elif project.id in found:
            found[project.id] += rows
    return found


def _newest(
    data: Any, project: Project, environment: OverviewEnvironment, cursor: Instant
) -> list[DeploymentAnswer] | None:
    told = (_project(data, project.id) or {}).get("environment")
    if not isinstance(told, dict) or _number(told) != environment.id:
        return None
    try:
        nodes, more = read_connection(told.get("deployments"), "deployments")
        seen = [read(_NewestDeployment, node, "deployment") for node in nodes]
    except BadAnswerError:
        return None
    finishes = [one.finished for one in seen if one.finished is not None]
    if len(finishes) < len(seen) or (more is not None and min(finishes, default=cursor) >= cursor):
        return None
    name = {"id": environment.id, "name": environment.name}
    return [
        _ExactDeployment(
            id=one.id,
            iid=one.iid,
            ref=one.ref,
            sha=one.sha,
            status="success",
            environment=EnvironmentName.model_validate(name),
            exact_finish=one.finished,
        ).model_copy(update={"created_at": one.created})
        for one in seen
        if one.finished is not None and one.finished >= cursor
    ]


def _project(data: Any, project_id: int) -> dict[str, Any] | None:
    """Return what is told of a project, None if it is not there or another took its path."""
    told = data.get("project") if isinstance(data, dict) else None
    return told if isinstance(told, dict) and _number(told) == project_id else None


def _number(node: Mapping[str, Any]) -> int | None:
    number = str(node.get("id")).rpartition("/")[2]
    return int(number) if number.isdecimal() and len(number) < _DIGITS else None
