"""Who is calling, and what GitLab would let them see.

Roles come from direct membership, from the groups above, and from groups invited into a project
or into one of the groups above it. Unlike GitLab, REST asks for a token even where a public
project would answer anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from exporter.simulator.errors import ApiError, refusal
from exporter.simulator.world import Group, Project, Token, User, World

REPORTER: Final = 20
OWNER: Final = 50
_READING: Final = frozenset({"api", "read_api"})


@dataclass(frozen=True)
class Caller:
    """The owner of a valid token; `user` and `token` are None for an anonymous caller."""

    user: User | None
    token: Token | None

    @property
    def admin(self) -> bool:
        """Whether everything is open to this caller."""
        return self.token is not None and self.token.admin


def token_value(headers: Mapping[str, str], query: Mapping[str, str]) -> str | None:
    """Find the token of a request in `PRIVATE-TOKEN`, `Authorization` or `private_token`."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if (value := headers.get("private-token")) is not None:
        return value
    return bearer.strip() if scheme.lower() == "bearer" else query.get("private_token")


def identify(world: World, value: str | None, *, reading: bool = True) -> Caller:
    """Find out who owns a token.

    Args:
        world: The instance.
        value: The token as sent.
        reading: Whether a scope that allows reading the API is needed.

    Raises:
        ApiError: 401 without a usable token, 403 for a blocked owner or a scope too narrow.
    """
    token = world.tokens.get(value or "")
    if token is None or not usable(world, token):
        raise _unusable(world, token)
    if token.user.state != "active":
        raise refusal(403, "Your account has been blocked.")
    if reading and not _READING.intersection(token.scopes):
        raise ApiError(
            403,
            {
                "error": "insufficient_scope",
                "error_description": "The request requires higher privileges than provided by"
                " the access token.",
                "scope": "api read_api",
            },
        )
    return Caller(token.user, token)


def _unusable(world: World, token: Token | None) -> ApiError:
    if token is None or not world.features.token_reasons:
        return refusal(401)
    reason = (
        "Token was revoked. You have to re-authorize from the user."
        if token.revoked
        else "Token is expired. You can either do re-authorization or token refresh."
    )
    return ApiError(401, {"error": "invalid_token", "error_description": reason})


def usable(world: World, token: Token) -> bool:
    """Tell whether a token is neither revoked nor expired."""
    return not token.revoked and (token.expires_at is None or world.clock() < token.expires_at)


def direct_level(target: Group | Project, user: User | None) -> int:
    """Give the level of a direct member, 0 for anybody else."""
    return 0 if user is None else target.members.get(user.id, 0)


def inherited_level(group: Group, user: User | None) -> int:
    """Give the highest level held in a group or above it, invitations left aside."""
    return max(direct_level(ancestor, user) for ancestor in group.lineage)


def group_level(world: World, group: Group, user: User | None) -> int:
    """Give a user's level in a group by every route; 0 for none."""
    invited = (
        min(level, direct_level(world.groups[guest], user))
        for ancestor in group.lineage
        for guest, level in ancestor.shares.items()
        if guest in world.groups
    )
    return max(inherited_level(group, user), *invited, 0)


def project_level(world: World, project: Project, user: User | None) -> int:
    """Give a user's level in a project by every route; 0 for none."""
    invited = (
        min(level, inherited_level(world.groups[guest], user))
        for guest, level in project.shares.items()
        if guest in world.groups
    )
    return max(
        direct_level(project, user), group_level(world, project.namespace, user), *invited, 0
    )


def sees_project(world: World, caller: Caller, project: Project) -> bool:
    """Tell whether a project exists as far as the caller is concerned."""
    return _open_to(caller, project.visibility) or project_level(world, project, caller.user) > 0


def sees_group(world: World, caller: Caller, group: Group) -> bool:
    """Tell whether a group exists as far as the caller is concerned.

    A role in any project below is enough.
    """
    return (
        _open_to(caller, group.visibility)
        or group_level(world, group, caller.user) > 0
        or any(
            project_level(world, project, caller.user) > 0
            for project in world.projects.values()
            if group in project.namespace.lineage
        )
    )


def reads_deployments(world: World, caller: Caller, project: Project) -> bool:
    """Tell whether the caller may read deployments and environments, where they are on."""
    return project.deploys and reports_on(world, caller, project)


def reports_on(world: World, caller: Caller, project: Project) -> bool:
    """Tell whether the caller has the role of a Reporter or above."""
    return caller.admin or project_level(world, project, caller.user) >= REPORTER


def reads_merge_requests(world: World, caller: Caller, project: Project) -> bool:
    """Tell whether the caller may read merge requests, which a public project shows to anybody."""
    reads = _open_to(caller, project.visibility) or reports_on(world, caller, project)
    return project.merges and reads


def _open_to(caller: Caller, visibility: str) -> bool:
    return (
        caller.admin
        or visibility == "public"
        or (visibility == "internal" and caller.user is not None)
    )
