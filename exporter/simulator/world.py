"""Everything a simulated GitLab instance holds, and every way it changes.

All times are aware UTC datetimes. Ids grow over the whole instance, iids within a project.
Records are changed only through `World`, which keeps its indexes in step.
"""

import threading
from collections.abc import Callable, Container, Sequence
from datetime import UTC, datetime
from hashlib import sha1
from typing import Final

from exporter.simulator.deployment_index import DeploymentIndex
from exporter.simulator.records import (
    FINISHED_STATUSES,
    STATUSES,
    Deployment,
    Environment,
    Features,
    Group,
    MergeRequest,
    Project,
    Token,
    User,
)
from exporter.simulator.tiers import TIERS, guess_tier

__all__ = [
    "DEFAULT_TOKEN",
    "Deployment",
    "Environment",
    "Features",
    "Group",
    "MergeRequest",
    "Project",
    "Token",
    "User",
    "World",
]

DEFAULT_TOKEN: Final = "sim-token"  # noqa: S105 - opens nothing but a simulation


def utc_now() -> datetime:
    """Tell the present time, in UTC."""
    return datetime.now(UTC)


class World:
    """The contents of one instance.

    Args:
        clock: The instance's idea of now; it decides what is visible, expired and limited.

    Attributes:
        lock: Held for every change and while an answer is put together; hold it to make
            several changes appear at once.
        features: Switches for older and stricter instances.
    """

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.features = Features()
        self.users: dict[int, User] = {}
        self.tokens: dict[str, Token] = {}
        self.groups: dict[int, Group] = {}
        self.projects: dict[int, Project] = {}
        self.environments: dict[int, Environment] = {}
        self.deployments: dict[int, Deployment] = {}
        self._users_by_name: dict[str, User] = {}
        self._last_ids: dict[str, int] = {}
        self._groups_by_path: dict[str, Group] = {}
        self._projects_by_path: dict[str, Project] = {}
        self._redirects: dict[str, int] = {}
        self._indexes: dict[int, DeploymentIndex] = {}
        self.add_token(DEFAULT_TOKEN, user=self.add_user("root"), admin=True)

    # Who there is

    def add_user(self, username: str, *, state: str = "active", bot: bool = False) -> User:
        """Create an account that is a member of nothing yet."""
        with self.lock:
            user = User(self._next_id("user", None), username, username.title(), state, bot)
            self.users[user.id] = user
            self._users_by_name[username] = user
            return user

    def add_token(
        self,
        value: str,
        *,
        user: User | None = None,
        scopes: Sequence[str] = ("read_api",),
        expires_at: datetime | None = None,
        revoked: bool = False,
        admin: bool = False,
    ) -> Token:
        """Create a token; without a `user` it gets a bot of its own, as project tokens do."""
        with self.lock:
            token_id = self._next_id("token", None)
            owner = user or self.add_user(f"bot_{token_id}", bot=True)
            token = Token(
                token_id, value, owner, tuple(scopes), self.clock(), expires_at, revoked, admin
            )
            self.tokens[value] = token
            return token

    def add_member(self, target: Group | Project, user: User, access_level: int) -> None:
        """Make a user a direct member (20 is Reporter); 0 ends the membership."""
        with self.lock:
            _set_level(target.members, user.id, access_level)

    def share_group(self, target: Group | Project, with_group: Group, access_level: int) -> None:
        """Invite a group's members, at most at `access_level`; 0 takes the invitation back."""
        with self.lock:
            _set_level(target.shares, with_group.id, access_level)

    # Groups and projects

    def add_group(self, path: str, *, id: int | None = None) -> Group:  # noqa: A002
        """Give the group at a full path, creating it and its parents where missing."""
        with self.lock:
            if (group := self._groups_by_path.get(path.lower())) is not None:
                return group
            parent_path = path.rpartition("/")[0]
            parent = self.add_group(parent_path) if parent_path else None
            group = Group(self._next_id("group", id, self.groups), path, parent, self.clock())
            self.groups[group.id] = group
            self._groups_by_path[path.lower()] = group
            return group

    def add_project(
        self,
        path: str,
        *,
        id: int | None = None,  # noqa: A002
        archived: bool = False,
        visibility: str = "private",
        created_at: datetime | None = None,
    ) -> Project:
        """Create a project at a full path, and the groups above it where missing.

        Raises:
            ValueError: When the path is taken or names no group.
        """
        with self.lock:
            namespace = self._namespace_for(path)
            project = Project(
                self._next_id("project", id, self.projects),
                path,
                namespace,
                created_at or self.clock(),
                archived,
                visibility,
            )
            self.projects[project.id] = project
            self._indexes[project.id] = DeploymentIndex()
            self._projects_by_path[path.lower()] = project
            self._redirects.pop(path.lower(), None)
            return project

    def move_project(self, project: Project, new_path: str) -> None:
        """Give a project another full path; its id stays, the old path redirects."""
        with self.lock:
            namespace = self._namespace_for(new_path)
            old_path = project.path.lower()
            del self._projects_by_path[old_path]
            self._redirects[old_path] = project.id
            project.path = new_path
            project.namespace = namespace
            self._projects_by_path[new_path.lower()] = project
            self._redirects.pop(new_path.lower(), None)

    def archive_project(self, project: Project, *, archived: bool = True) -> None:
        """Archive a project, or bring it back."""
        with self.lock:
            project.archived = archived

    def delete_project(self, project: Project) -> None:
        """Delete a project with all it holds."""
        with self.lock:
            for environment in list(project.environments.values()):
                self.delete_environment(environment)
            del self._projects_by_path[project.path.lower()]
            del self.projects[project.id]
            del self._indexes[project.id]
            self._redirects = {
                path: target for path, target in self._redirects.items() if target != project.id
            }

    # Environments

    def add_environment(
        self,
        project: Project,
        name: str,
        *,
        tier: str | None = None,
        created_at: datetime | None = None,
        state: str = "available",
        id: int | None = None,  # noqa: A002
    ) -> Environment:
        """Create an environment.

        Args:
            project: Where.
            name: Unique within the project.
            tier: Guessed from the name when None.
            created_at: Now when None.
            state: `available`, `stopping` or `stopped`.
            id: The next free one when None.

        Raises:
            ValueError: When the name is taken or the tier is none of GitLab's.
        """
        with self.lock:
            if self.find_environment(project, name) is not None:
                raise ValueError(f"environment {name!r} exists in {project.path}")
            at = created_at or self.clock()
            environment = Environment(
                self._next_id("environment", id, self.environments),
                project,
                name,
                _checked_tier(tier or guess_tier(name)),
                state,
                at,
                at,
            )
            self.environments[environment.id] = environment
            project.environments[environment.id] = environment
            return environment

    def rename_environment(self, environment: Environment, name: str) -> None:
        """Change the name; the tier stays, as it is guessed only once."""
        with self.lock:
            environment.name = name
            environment.updated_at = self.clock()

    def set_tier(self, environment: Environment, tier: str) -> None:
        """Set the tier by hand.

        Raises:
            ValueError: When the tier is none of GitLab's.
        """
        with self.lock:
            environment.tier = _checked_tier(tier)
            environment.updated_at = self.clock()

    def stop_environment(self, environment: Environment) -> None:
        """Stop an environment; its deployments stay."""
        with self.lock:
            environment.state = "stopped"
            environment.updated_at = self.clock()

    def delete_environment(self, environment: Environment) -> None:
        """Delete an environment and every deployment that went to it."""
        with self.lock:
            selection = self.index(environment.project).select((environment.id, None))
            for deployment_id in selection.page(0, len(selection)):
                self.delete_deployment(self.deployments[deployment_id])
            del environment.project.environments[environment.id]
            del self.environments[environment.id]

    # Merge requests and deployments

    def add_merge_request(
        self,
        project: Project,
        *,
        merged_at: datetime | None,
        target_branch: str = "main",
        source_branch: str | None = None,
        author: str = "dev",
        created_at: datetime | None = None,
        iid: int | None = None,
        state: str = "merged",
        sha: str | None = None,
        title: str | None = None,
    ) -> MergeRequest:
        """Create a merge request; `created_at` defaults to `merged_at`, else to now."""
        with self.lock:
            number = iid or project.last_merge_request_iid + 1
            if number in project.merge_requests:
                raise ValueError(f"merge request !{number} exists in {project.path}")
            project.last_merge_request_iid = max(number, project.last_merge_request_iid)
            if author not in self._users_by_name:
                self.add_user(author)
            created = created_at or merged_at or self.clock()
            head = sha or _sha("merge", project.id, number)
            merge_request = MergeRequest(
                id=self._next_id("merge request", None),
                iid=number,
                project=project,
                title=title or f"Change {number}",
                state=state,
                created_at=created,
                updated_at=merged_at or created,
                merged_at=merged_at,
                source_branch=source_branch or f"change-{number}",
                target_branch=target_branch,
                author=author,
                sha=head,
                merge_commit_sha=head,
            )
            project.merge_requests[number] = merge_request
            return merge_request

    def add_deployment(
        self,
        environment: Environment,
        *,
        status: str = "success",
        created_at: datetime,
        finished_at: datetime | None = None,
        updated_at: datetime | None = None,
        ref: str = "main",
        sha: str | None = None,
        deployable: bool = True,
        merge_requests: Sequence[MergeRequest] = (),
        links_visible_at: datetime | None = None,
        id: int | None = None,  # noqa: A002
    ) -> Deployment:
        """Create a deployment.

        Args:
            environment: Where it went.
            status: One of GitLab's seven; a finished one without `finished_at` ended when it
                was created.
            created_at: When it was created.
            finished_at: When it ended; refused for a status that has not ended.
            updated_at: The latest of the other two when None.
            ref: Branch or tag.
            sha: The deployed commit; made up when None.
            deployable: Whether a CI job made it.
            merge_requests: Links; one already linked in this environment is passed over.
            links_visible_at: When the links appear in answers; at once when None.
            id: The next free one when None.

        Raises:
            ValueError: On an unknown status, or an end time for an unfinished one.
        """
        with self.lock:
            if status not in STATUSES:
                raise ValueError(f"unknown deployment status {status!r}")
            ended = status in FINISHED_STATUSES
            if finished_at is not None and not ended:
                raise ValueError(f"a {status} deployment has no finished_at")
            end = (finished_at or created_at) if ended else None
            project = environment.project
            project.last_deployment_iid += 1
            deployment = Deployment(
                id=self._next_id("deployment", id, self.deployments),
                iid=project.last_deployment_iid,
                environment=environment,
                status=status,
                created_at=created_at,
                updated_at=updated_at or max(created_at, end or created_at),
                finished_at=end,
                ref=ref,
                sha=sha or _sha("deployment", project.id, project.last_deployment_iid),
                deployable=deployable,
            )
            self._link(deployment, merge_requests, links_visible_at)
            self.deployments[deployment.id] = deployment
            self.index(project).add(deployment)
            return deployment

    def finish(
        self,
        deployment: Deployment,
        *,
        status: str = "success",
        at: datetime | None = None,
        merge_requests: Sequence[MergeRequest] = (),
        links_visible_at: datetime | None = None,
    ) -> None:
        """End a deployment that was still going on, or end it anew.

        Raises:
            ValueError: When the status is not one of an ended deployment.
        """
        if status not in FINISHED_STATUSES:
            raise ValueError(f"{status!r} does not end a deployment")
        with self.lock:
            index = self.index(deployment.project)
            index.remove(deployment)
            deployment.status = status
            deployment.finished_at = deployment.updated_at = at or self.clock()
            index.add(deployment)
            self._link(deployment, merge_requests, links_visible_at)

    def touch_deployment(self, deployment: Deployment, *, at: datetime | None = None) -> None:
        """Move `updated_at`, as any later write to the row does."""
        with self.lock:
            index = self.index(deployment.project)
            index.remove(deployment)
            deployment.updated_at = at or self.clock()
            index.add(deployment)

    def delete_deployment(self, deployment: Deployment) -> None:
        """Delete one deployment and its links."""
        with self.lock:
            self.index(deployment.project).remove(deployment)
            del self.deployments[deployment.id]
            deployment.environment.linked.difference_update(
                merge_request.id for merge_request in deployment.merge_requests
            )

    # Reading

    def user_named(self, username: str) -> User:
        """Give the account of a merge request's author or a token's owner."""
        return self._users_by_name[username]

    def index(self, project: Project) -> DeploymentIndex:
        """Give the sorted deployments of a project."""
        return self._indexes[project.id]

    def find_group(self, reference: str) -> Group | None:
        """Find a group by id or full path."""
        if reference.isdecimal():
            return self.groups.get(int(reference))
        return self._groups_by_path.get(reference.lower())

    def find_project(self, reference: str) -> Project | None:
        """Find a project by id or by the full path it has now."""
        if reference.isdecimal():
            return self.projects.get(int(reference))
        return self._projects_by_path.get(reference.lower())

    def find_moved_project(self, path: str) -> Project | None:
        """Find the project that once had this full path."""
        return self.projects.get(self._redirects.get(path.lower(), 0))

    def find_environment(self, project: Project, name: str) -> Environment | None:
        """Find an environment by its exact name."""
        return next((e for e in project.environments.values() if e.name == name), None)

    def linked_merge_requests(self, deployment: Deployment) -> list[MergeRequest]:
        """Give the links GitLab would show by now."""
        visible_at = deployment.links_visible_at
        if visible_at is not None and self.clock() < visible_at:
            return []
        return list(deployment.merge_requests)

    # Within

    def _link(
        self,
        deployment: Deployment,
        merge_requests: Sequence[MergeRequest],
        visible_at: datetime | None,
    ) -> None:
        if deployment.status != "success":
            return
        linked = deployment.environment.linked
        for merge_request in merge_requests:
            if merge_request.id not in linked:
                linked.add(merge_request.id)
                deployment.merge_requests.append(merge_request)
        if visible_at is not None:
            deployment.links_visible_at = visible_at

    def _namespace_for(self, path: str) -> Group:
        parent, slash, name = path.rpartition("/")
        if not slash or not name:
            raise ValueError(f"a project needs a group: {path!r}")
        if path.lower() in self._projects_by_path or path.lower() in self._groups_by_path:
            raise ValueError(f"the path {path!r} is taken")
        return self.add_group(parent)

    def _next_id(self, kind: str, wanted: int | None, taken: Container[int] = ()) -> int:
        if wanted in taken:
            raise ValueError(f"{kind} {wanted} exists")
        number = wanted or self._last_ids.get(kind, 0) + 1
        self._last_ids[kind] = max(number, self._last_ids.get(kind, 0))
        return number


def _checked_tier(tier: str) -> str:
    if tier not in TIERS:
        raise ValueError(f"unknown tier {tier!r}, not one of {', '.join(TIERS)}")
    return tier


def _set_level(levels: dict[int, int], key: int, access_level: int) -> None:
    if access_level:
        levels[key] = access_level
    else:
        levels.pop(key, None)


def _sha(*parts: object) -> str:
    return sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()
