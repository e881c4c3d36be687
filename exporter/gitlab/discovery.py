"""What the configured projects and groups stand for: ids and full paths.

A group costs 1 request, ceil(P/100) for its P projects and ceil(G/100) for its G subgroups. A
single project costs 1 request; where many are listed and GitLab answers GraphQL, 1 for every 40.
https://docs.gitlab.com/ee/api/groups.html#list-projects
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, Field

from exporter.batches import in_batches
from exporter.gitlab.answers import LARGEST, Gid, GroupAnswer, ProjectAnswer, Text, read
from exporter.gitlab.client import Client
from exporter.gitlab.errors import (
    BadAnswerError,
    NotFoundError,
    RefusedError,
    TransientError,
)
from exporter.logs import fields
from exporter.store import Discovered

log = logging.getLogger(__name__)

_SHOWN = 100
"""Characters of a name that may be none."""

_Model = TypeVar("_Model", bound=BaseModel)

PROJECTS_A_QUERY = 40
"""A project costs about 4 of GitLab's 250 points of complexity."""


class _ProjectNode(BaseModel):
    id: Gid
    path: Text = Field(alias="fullPath")


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
    items = client.items(f"/groups/{root.id}/projects", **parameters)
    read_projects = _readable(ProjectAnswer, items, f"project of {root.full_path}")
    for project in read_projects:
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
    whole = len(read_projects) == len(items)
    if include_subgroups:
        below, all_below = _descendants(client, root)
        inside |= below
        whole = whole and all_below
    return Discovered(projects, inside, whole=whole)


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


def _readable(model: type[_Model], items: Sequence[Any], what: str) -> list[_Model]:
    """Read those items of a list that can be read: one that cannot stops no other.

    Raises:
        BadAnswerError: if none can.
    """
    found = []
    for item in items:
        try:
            found.append(read(model, item, what))
        except BadAnswerError as error:
            if item is items[-1] and not found:
                raise
            log.warning(
                "left out of the discovery, what was known stays",
                extra=fields(item=_name(item), error=str(error)),
            )
    return found


def _name(item: object) -> str:
    """Return what may tell people which item it is."""
    told = item if isinstance(item, dict) else {}
    number, path = told.get("id"), told.get("path_with_namespace", told.get("full_path"))
    if isinstance(number, int) and 1 < number <= LARGEST:
        return str(number)
    return path[:_SHOWN] if isinstance(path, str) else "without a name"


def _descendants(client: Client, root: GroupAnswer) -> tuple[dict[int, str], bool]:
    """Return all subgroups, also those that hold no project, and whether all can be read."""
    try:
        items = client.items(f"/groups/{root.id}/descendant_groups")
    except NotFoundError as error:
        # Since GitLab 13.5; before, the projects tell of all groups that hold some.
        log.debug("subgroups without projects stay unknown: %s", error)
        return {}, True
    found = _readable(GroupAnswer, items, f"subgroup of {root.full_path}")
    return {one.id: one.full_path for one in found}, len(found) == len(items)


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
                with suppress(BadAnswerError):  # REST says what is wrong with it
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
            nodes = answer.get("nodes", [answer])
            answers.append(nodes if isinstance(nodes, list) else [])
        else:
            answers.append([])
    return answers


def _is_within(path: str, root: str) -> bool:
    return path == root or path.startswith(root + "/")
