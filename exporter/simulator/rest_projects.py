"""REST: projects, and the projects of a group."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from exporter.simulator.access import (
    direct_level,
    inherited_level,
    project_level,
    sees_project,
)
from exporter.simulator.call import Answer, Call
from exporter.simulator.entities import permissions, project_entity, project_simple
from exporter.simulator.errors import ApiError
from exporter.simulator.lookup import visible_group, visible_project
from exporter.simulator.pagination import keyset_page, offset_page, refuse_deep_offset
from exporter.simulator.world import Project

_ORDERS: Final[dict[str, Callable[[Project], Any]]] = {
    "id": lambda project: project.id,
    "name": lambda project: (project.name, project.id),
    "path": lambda project: (project.name, project.id),
    "created_at": lambda project: (project.created_at, project.id),
    "updated_at": lambda project: (project.created_at, project.id),
    "last_activity_at": lambda project: (project.created_at, project.id),
}


def one_project(call: Call) -> Answer:
    """Answer `GET /projects/:id`; permissions leave out what invited groups give."""
    project = visible_project(call)
    user = call.caller.user
    return Answer(
        project_entity(project, call.base_url)
        | permissions(direct_level(project, user), inherited_level(project.namespace, user))
    )


def projects(call: Call) -> Answer:
    """Answer `GET /projects`, by offset or, ordered by id, by keyset."""
    keyset = call.choice("pagination", ("keyset", "legacy"), "legacy") == "keyset"
    after, before = call.number("id_after"), call.number("id_before")
    membership = call.flag("membership", default=False)
    if keyset and call.query.get("order_by", "created_at") != "id":
        raise ApiError(
            405, {"error": "Keyset pagination is not yet available for this type of request"}
        )
    if not keyset:
        refuse_deep_offset(call)
    rows = [
        project
        for project in _filtered(call, call.world.projects.values())
        if (after is None or project.id > after)
        and (before is None or project.id < before)
        and (not membership or project_level(call.world, project, call.caller.user) > 0)
    ]
    render = _renderer(call, with_permissions=True)
    if keyset:
        descending = call.query.get("sort", "desc") == "desc"
        return keyset_page(call, rows, lambda row: row.id, render, descending=descending)
    return offset_page(call, rows, render)


def group_projects(call: Call) -> Answer:
    """Answer `GET /groups/:id/projects`."""
    group = visible_group(call)
    below = call.flag("include_subgroups", default=False)
    shared = call.flag("with_shared", default=True)
    refuse_deep_offset(call)
    rows = _filtered(
        call,
        (
            project
            for project in call.world.projects.values()
            if project.namespace is group
            or (below and group in project.namespace.lineage)
            or (shared and group.id in project.shares)
        ),
    )
    return offset_page(call, rows, _renderer(call, with_permissions=False))


def _filtered(call: Call, candidates: Iterable[Project]) -> list[Project]:
    world, caller = call.world, call.caller
    order = call.choice("order_by", tuple(_ORDERS), "created_at")
    descending = call.choice("sort", ("asc", "desc"), "desc") == "desc"
    archived = call.flag("archived", default=False) if call.text("archived") else None
    search = (call.text("search") or "").lower()
    least = call.number("min_access_level") or 0
    rows = [
        project
        for project in candidates
        if (archived is None or project.archived == archived)
        and search in project.path.lower()
        and sees_project(world, caller, project)
        and (not least or project_level(world, project, caller.user) >= least)
    ]
    return sorted(rows, key=_ORDERS[order or "id"], reverse=descending)


def _renderer(call: Call, *, with_permissions: bool) -> Callable[[Project], dict[str, Any]]:
    user, base_url = call.caller.user, call.base_url

    def full(project: Project) -> dict[str, Any]:
        shown = project_entity(project, base_url)
        if not with_permissions:
            return shown
        levels = direct_level(project, user), direct_level(project.namespace, user)
        return shown | permissions(*levels)

    if call.flag("simple", default=False):
        return lambda project: project_simple(project, base_url)
    return full
