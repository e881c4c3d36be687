"""What the configured projects and groups stand for: ids and full paths.

A group costs 1 request, ceil(P/100) for its P projects and ceil(G/100) for its G subgroups. A
single project costs 1 request; where many are listed and GitLab answers GraphQL, 1 for every 40.
https://docs.gitlab.com/ee/api/groups.html#list-projects
"""

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, Field

from exporter.batches import in_batches
from exporter.gitlab.answers import Gid, GroupAnswer, ProjectAnswer, read
from exporter.gitlab.client import Client
from exporter.gitlab.errors import NotFoundError, RefusedError, TransientError
from exporter.store import Discovered

log = logging.getLogger(__name__)

PROJECTS_A_QUERY = 40
"""A project costs about 4 of GitLab's 250 points of complexity."""


class _ProjectNode(BaseModel):
    id: Gid
    path: str = Field(alias="fullPath")


def discover_group(
    client: Client, group: str | int, *, include_subgroups: bool, archived: bool
) -> Discovered:
    """Find a group's projects and subgroups.

    Args:
        client: to ask with.
        group: id or full path.
        include_subgroups: whether projects of subgroups, and those, are wanted too.
        archived: whether archived projects are wanted too.

    Raises:
        GitLabError: if the group is not there for the token, or GitLab fails.
    """
    root = read(GroupAnswer, client.get(f"/groups/{quote(str(group), safe='')}"), "group")
    parameters = list_of_projects(include_subgroups=include_subgroups, archived=archived)
    projects: dict[int, str] = {}
    groups = {root.id: root.full_path}
    for item in client.items(f"/groups/{root.id}/projects", **parameters):
        project = read(ProjectAnswer, item, "project")
        projects[project.id] = project.path_with_namespace
        if project.namespace is not None:
            groups[project.namespace.id] = project.namespace.full_path
            parent_path = project.namespace.full_path.rpartition("/")[0]
            if project.namespace.parent_id is not None and parent_path:
                groups[project.namespace.parent_id] = parent_path
    inside = {
        number: path
        for number, path in groups.items()
        if _is_within(path, root.full_path) and (include_subgroups or number == root.id)
    }
    if include_subgroups:
        inside |= _descendants(client, root.id)
    return Discovered(projects, inside)


def list_of_projects(*, include_subgroups: bool, archived: bool) -> dict[str, object]:
    """Return the parameters with which the projects of a group are listed."""
    parameters: dict[str, object] = {
        "include_subgroups": str(include_subgroups).lower(),
        "with_shared": "false",
        "simple": "true",
        "order_by": "id",
        "sort": "asc",
    }
    return parameters if archived else parameters | {"archived": "false"}


def _descendants(client: Client, group_id: int) -> dict[int, str]:
    """Return all subgroups, also those that hold no project."""
    try:
        items = client.items(f"/groups/{group_id}/descendant_groups")
    except NotFoundError as error:
        # Since GitLab 13.5; before, the projects tell of all groups that hold some.
        log.debug("subgroups without projects stay unknown: %s", error)
        return {}
    found = [read(GroupAnswer, item, "group") for item in items]
    return {one.id: one.full_path for one in found}


def discover_project(client: Client, project: str | int) -> Discovered:
    """Find a single project by id or full path; its group does not come into scope with it.

    Raises:
        GitLabError: if the project is not there for the token, or GitLab fails.
    """
    answer = client.get(f"/projects/{quote(str(project), safe='')}")
    found = read(ProjectAnswer, answer, "project")
    return Discovered({found.id: found.path_with_namespace}, {})


def discover_many(client: Client, entries: Sequence[str | int]) -> dict[str | int, Discovered]:
    """Find single projects by GraphQL, as many as it tells of.

    Returns:
        What was found, by entry. Entries that are missing are to be looked for one by one: they
        may have moved, or not exist, or this GitLab may answer no GraphQL.
    """
    found: dict[str | int, Discovered] = {}
    for some in in_batches(entries, PROJECTS_A_QUERY):
        try:
            (data,) = client.graphql([_projects_query(some)])
        except (RefusedError, TransientError) as error:
            log.debug("projects are looked for one by one: %s", error)
            return found
        for entry, answers in zip(some, _answers(data, len(some)), strict=True):
            for answer in answers:
                seen = read(_ProjectNode, answer, "project")
                found[entry] = Discovered({seen.id: seen.path}, {})
    return found


def _projects_query(entries: Sequence[str | int]) -> tuple[str, dict[str, object]]:
    names = [f"p{n}" for n in range(len(entries))]
    asked = [
        f"{name}: projects(ids: [${name}], first: 1) {{ nodes {{ id fullPath }} }}"
        if isinstance(entry, int)
        else f"{name}: project(fullPath: ${name}) {{ id fullPath }}"
        for name, entry in zip(names, entries, strict=True)
    ]
    declared = ", ".join(f"${name}: ID!" for name in names)
    variables: dict[str, object] = {
        name: f"gid://gitlab/Project/{entry}" if isinstance(entry, int) else entry
        for name, entry in zip(names, entries, strict=True)
    }
    return f"query({declared}) {{ {' '.join(asked)} }}", variables


def _answers(data: Any, number: int) -> list[list[Any]]:
    """Return, for each entry, the project that was found, or nothing."""
    if not isinstance(data, dict):
        return [[]] * number
    answers = []
    for n in range(number):
        answer = data.get(f"p{n}")
        if isinstance(answer, dict):
            answers.append(answer.get("nodes", [answer]))
        else:
            answers.append([])
    return answers


def _is_within(path: str, root: str) -> bool:
    return path == root or path.startswith(root + "/")
