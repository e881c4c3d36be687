"""GraphQL: how each field is read off the records."""

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from graphql import (
    GraphQLError,
    GraphQLFieldResolver,
    GraphQLObjectType,
    GraphQLSchema,
)

from exporter.simulator.access import (
    project_level,
    reads_deployments,
    reads_merge_requests,
    sees_group,
    sees_project,
)
from exporter.simulator.entities import environment_slug, merge_request_url
from exporter.simulator.graphql_deployments import deployments, last_deployment
from exporter.simulator.graphql_request import QueryContext, list_connection
from exporter.simulator.rest_instance import REVISION
from exporter.simulator.times import graphql_time
from exporter.simulator.world import Deployment, Environment, Group, MergeRequest, Project, User

Arguments = dict[str, Any]
Resolver = Callable[[Any, QueryContext, Arguments], Any]

_ACCESS_NAMES: Final = {
    0: "NO_ACCESS",
    5: "MINIMAL_ACCESS",
    10: "GUEST",
    15: "PLANNER",
    20: "REPORTER",
    25: "SECURITY_MANAGER",
    30: "DEVELOPER",
    40: "MAINTAINER",
    50: "OWNER",
}

_MERGE_REQUEST_TIMES: Final[dict[str, Callable[[MergeRequest], datetime | None]]] = {
    "CREATED": attrgetter("created_at"),
    "UPDATED": attrgetter("updated_at"),
    "MERGED_AT": attrgetter("merged_at"),
}


def attach_resolvers(schema: GraphQLSchema) -> None:
    """Give every field of the schema its resolver; the rest is read by name."""
    for type_name, resolvers in _RESOLVERS.items():
        kind = schema.type_map[type_name]
        if isinstance(kind, GraphQLObjectType):
            for name, resolver in resolvers.items():
                if name in kind.fields:
                    kind.fields[name].resolve = _adapted(resolver)


def _adapted(resolver: Resolver) -> GraphQLFieldResolver:
    return lambda source, info, **arguments: resolver(source, info.context, arguments)


def global_id(kind: str, number: int) -> str:
    """Write an id the way GraphQL does."""
    return f"gid://gitlab/{kind}/{number}"


def id_number(value: str, kind: str) -> int:
    """Read an id written by `global_id`.

    Raises:
        GraphQLError: When it is none of that kind.
    """
    number = value.removeprefix(f"gid://gitlab/{kind}/")
    if number == value or not number.isdecimal():
        raise GraphQLError(f'"{value}" does not represent an instance of {kind}')
    return int(number)


# Fields read off a record without arguments


def _gid(kind: str) -> Resolver:
    return lambda record, _context, _arguments: global_id(kind, record.id)


def _time(attribute: str) -> Resolver:
    return lambda record, _context, _arguments: graphql_time(getattr(record, attribute))


def _attribute(attribute: str) -> Resolver:
    return lambda record, _context, _arguments: getattr(record, attribute)


def _upper(attribute: str) -> Resolver:
    return lambda record, _context, _arguments: getattr(record, attribute).upper()


# Query


def _project(_root: None, context: QueryContext, arguments: Arguments) -> Project | None:
    path = arguments["fullPath"]
    project = None if path.isdecimal() else context.world.find_project(path)
    visible = project is not None and sees_project(context.world, context.caller, project)
    return project if visible else None


def _projects(_root: None, context: QueryContext, arguments: Arguments) -> dict[str, Any]:
    ids, paths = arguments.get("ids"), arguments.get("fullPaths")
    numbers = None if ids is None else {id_number(value, "Project") for value in ids}
    wanted_paths = None if paths is None else {path.lower() for path in paths}
    user = context.caller.user
    rows = (
        project
        for project in context.world.projects.values()
        if (numbers is None or project.id in numbers)
        and (wanted_paths is None or project.path.lower() in wanted_paths)
        and (not arguments.get("membership") or project_level(context.world, project, user) > 0)
    )
    return _project_page(context, rows, arguments)


def _group(_root: None, context: QueryContext, arguments: Arguments) -> Group | None:
    path = arguments["fullPath"]
    group = None if path.isdecimal() else context.world.find_group(path)
    visible = group is not None and sees_group(context.world, context.caller, group)
    return group if visible else None


def _current_user(_root: None, context: QueryContext, _arguments: Arguments) -> User | None:
    return context.caller.user


def _metadata(_root: None, context: QueryContext, _arguments: Arguments) -> dict[str, Any]:
    version = context.world.features.version
    return {"version": version, "revision": REVISION, "enterprise": False}


def _complexity(_root: None, context: QueryContext, _arguments: Arguments) -> dict[str, int]:
    return {"limit": context.limit, "score": context.complexity}


def _echo(_root: None, context: QueryContext, arguments: Arguments) -> str:
    user = context.caller.user
    return f'"{user.username if user else "nil"}" says: {arguments["text"]}'


# Group and project


def _group_projects(group: Group, context: QueryContext, arguments: Arguments) -> dict[str, Any]:
    below = arguments.get("includeSubgroups")
    rows = (
        project
        for project in context.world.projects.values()
        if (project.namespace is group or (below and group in project.namespace.lineage))
        and (arguments.get("includeArchived", True) or not project.archived)
    )
    return _project_page(context, rows, arguments)


def _project_page(
    context: QueryContext, candidates: Iterable[Project], arguments: Arguments
) -> dict[str, Any]:
    search = (arguments.get("search") or "").lower()
    rows = [
        project
        for project in candidates
        if search in project.path.lower() and sees_project(context.world, context.caller, project)
    ]
    rows.sort(key=lambda project: project.id, reverse=True)
    return list_connection(rows, lambda row: row.id, arguments.get("first"), arguments.get("after"))


def _max_access_level(
    project: Project, context: QueryContext, _arguments: Arguments
) -> dict[str, Any]:
    level = (
        50 if context.caller.admin else project_level(context.world, project, context.caller.user)
    )
    return {"integerValue": level, "stringValue": _ACCESS_NAMES.get(level)}


def _environments(
    project: Project, context: QueryContext, arguments: Arguments
) -> dict[str, Any] | None:
    context.once("environments", "Project")
    if not reads_deployments(context.world, context.caller, project):
        return None
    name, search = arguments.get("name"), (arguments.get("search") or "").lower()
    states = arguments.get("states")
    rows = [
        environment
        for environment in project.environments.values()
        if (name is None or environment.name == name)
        and search in environment.name.lower()
        and (states is None or environment.state in states)
    ]
    rows.sort(key=lambda environment: environment.id)
    return list_connection(rows, lambda row: row.id, arguments.get("first"), arguments.get("after"))


def _environment(
    project: Project, context: QueryContext, arguments: Arguments
) -> Environment | None:
    if not reads_deployments(context.world, context.caller, project):
        return None
    if (value := arguments.get("id")) is not None:
        return project.environments.get(id_number(value, "Environment"))
    name = arguments.get("name")
    return context.world.find_environment(project, name) if name else None


def _merge_requests(
    project: Project, context: QueryContext, arguments: Arguments
) -> dict[str, Any] | None:
    if not reads_merge_requests(context.world, context.caller, project):
        return None
    rows: Iterable[MergeRequest] = project.merge_requests.values()
    if (wanted := arguments.get("deploymentId")) is not None:
        deployment = context.world.deployments.get(int(wanted) if wanted.isdecimal() else 0)
        linked = context.world.linked_merge_requests(deployment) if deployment else []
        rows = [row for row in linked if row.project is project]
    field, _, direction = arguments.get("sort", "CREATED_DESC").rpartition("_")
    time_of = _MERGE_REQUEST_TIMES[field]
    found = [row for row in rows if _matches(row, arguments)]
    found.sort(
        key=lambda row: (time_of(row) or row.created_at, row.id), reverse=direction == "DESC"
    )
    return list_connection(
        found, lambda row: row.id, arguments.get("first"), arguments.get("after")
    )


def _matches(row: MergeRequest, arguments: dict[str, Any]) -> bool:
    iids, branches = arguments.get("iids"), arguments.get("targetBranches")
    merged_after, merged_before = (
        _moment(arguments.get("mergedAfter")),
        _moment(arguments.get("mergedBefore")),
    )
    updated_after = _moment(arguments.get("updatedAfter"))
    return (
        arguments.get("state", "all") in {"all", row.state}
        and (iids is None or str(row.iid) in iids)
        and (branches is None or row.target_branch in branches)
        and (updated_after is None or row.updated_at >= updated_after)
        and (merged_after is None or (row.merged_at is not None and row.merged_at > merged_after))
        and (merged_before is None or (row.merged_at is not None and row.merged_at < merged_before))
    )


def _moment(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise GraphQLError(f'"{value}" is not a valid Time') from None


# Environment and merge request


def _deployments(
    environment: Environment, context: QueryContext, arguments: Arguments
) -> dict[str, Any]:
    context.once("deployments", "Environment")
    return deployments(context.world, environment, arguments)


def _last_deployment(
    environment: Environment, context: QueryContext, arguments: Arguments
) -> Deployment | None:
    return last_deployment(context.world, environment, arguments["status"].lower())


def _author(row: MergeRequest, context: QueryContext, _arguments: Arguments) -> User:
    return context.world.user_named(row.author)


def _merge_request_url(row: MergeRequest, context: QueryContext, _arguments: Arguments) -> str:
    return merge_request_url(row, context.base_url)


def _web_url(record: Project | Group, context: QueryContext, _arguments: Arguments) -> str:
    folder = "groups/" if isinstance(record, Group) else ""
    return f"{context.base_url}/{folder}{record.path}"


_RESOLVERS: Final[dict[str, dict[str, Resolver]]] = {
    "Query": {
        "project": _project,
        "projects": _projects,
        "group": _group,
        "currentUser": _current_user,
        "metadata": _metadata,
        "queryComplexity": _complexity,
        "echo": _echo,
    },
    "Group": {
        "id": _gid("Group"),
        "path": _attribute("name"),
        "fullPath": _attribute("path"),
        "webUrl": _web_url,
        "projects": _group_projects,
    },
    "Project": {
        "id": _gid("Project"),
        "path": _attribute("name"),
        "fullPath": _attribute("path"),
        "webUrl": _web_url,
        "createdAt": _time("created_at"),
        "group": _attribute("namespace"),
        "maxAccessLevel": _max_access_level,
        "environments": _environments,
        "environment": _environment,
        "mergeRequests": _merge_requests,
    },
    "Environment": {
        "id": _gid("Environment"),
        "slug": lambda record, _context, _arguments: environment_slug(record),
        "path": lambda record, _context, _arguments: (
            f"/{record.project.path}/-/environments/{record.id}"
        ),
        "tier": _upper("tier"),
        "environmentType": _attribute("folder"),
        "createdAt": _time("created_at"),
        "updatedAt": _time("updated_at"),
        "deployments": _deployments,
        "lastDeployment": _last_deployment,
    },
    "Deployment": {
        "id": _gid("Deployment"),
        "status": _upper("status"),
        "tag": lambda _record, _context, _arguments: False,
        "createdAt": _time("created_at"),
        "updatedAt": _time("updated_at"),
        "finishedAt": _time("finished_at"),
    },
    "MergeRequest": {
        "id": _gid("MergeRequest"),
        "createdAt": _time("created_at"),
        "updatedAt": _time("updated_at"),
        "mergedAt": _time("merged_at"),
        "targetBranch": _attribute("target_branch"),
        "sourceBranch": _attribute("source_branch"),
        "author": _author,
        "mergeCommitSha": lambda row, _context, _arguments: row.sha if row.merged_at else None,
        "webUrl": _merge_request_url,
    },
    "UserCore": {"id": _gid("User")},
}
