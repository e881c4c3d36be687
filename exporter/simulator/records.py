"""The things a GitLab instance holds: plain records, changed only through `World`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

FINISHED_STATUSES: Final = frozenset({"success", "failed", "canceled"})
STATUSES: Final = ("created", "running", "success", "failed", "canceled", "skipped", "blocked")


@dataclass
class Features:
    """Switches that turn the simulated instance into an older or a stricter one.

    Attributes:
        version: What the instance says that it is.
        token_reasons: Whether an expired or revoked token is told from an unknown one.
        graphql: Whether `/api/graphql` exists at all.
        graphql_finished_at: Whether GraphQL knows `Deployment.finishedAt`.
        graphql_deployment_merge_requests: Whether GraphQL knows `mergeRequests(deploymentId:)`.
        rest_finished_filters: Whether deployments can be filtered and sorted by `finished_at`.
        environment_tier: Whether REST environments carry `tier`.
        largest_page: Rows of a page of REST at most, however many are asked for.
        rate_limit_per_minute: Requests allowed per token and minute; None for no limit.
        max_graphql_complexity: Highest complexity of one query by a signed-in caller.
        graphql_points_in_time: Complexity of all queries of one request that is answered in time;
            what comes after it times out. None for any.
        graphql_late_status: How a time-out is told: 503 for the request, or 200 with an error in
            each query that is late.
        dora: Whether the instance is licensed for GitLab's own DORA metrics.
        dora_status: How it refuses them without a license: 401, or 404 of an edition without them.
        dora_payload: Form of an element: `key_value` of 13.10, `both` of 13.11, `date_value` since.
        dora_lag_seconds: After a deployment, until its day is computed.
        dora_since: Deployments that finished before were never computed; None for all.
        dora_negative: Whether a deployment before the merge counts with its negative time.
    """

    version: str = "18.6.0-sim"
    token_reasons: bool = False
    graphql: bool = True
    graphql_finished_at: bool = True
    graphql_deployment_merge_requests: bool = True
    rest_finished_filters: bool = True
    environment_tier: bool = True
    largest_page: int = 100
    rate_limit_per_minute: int | None = None
    max_graphql_complexity: int = 250
    graphql_points_in_time: int | None = None
    graphql_late_status: int = 200
    dora: bool = False
    dora_status: int = 401
    dora_payload: str = "date_value"
    dora_lag_seconds: int = 300
    dora_since: datetime | None = None
    dora_negative: bool = False


@dataclass(eq=False)
class User:
    """An account; `state` is `active` or `blocked`."""

    id: int
    username: str
    name: str
    state: str = "active"
    bot: bool = False


@dataclass(eq=False)
class Token:
    """An access token and what it may do; `admin` lets it read everything."""

    id: int
    value: str
    user: User
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked: bool = False
    admin: bool = False


@dataclass(eq=False)
class Group:
    """A group; `path` is its full path.

    Attributes:
        members: Access level of each direct member, by user id.
        shares: Highest access level given to the members of an invited group, by group id.
    """

    id: int
    path: str
    parent: "Group | None"
    created_at: datetime
    visibility: str = "private"
    members: dict[int, int] = field(default_factory=dict)
    shares: dict[int, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the full path."""
        return self.path.rpartition("/")[2]

    @property
    def lineage(self) -> list["Group"]:
        """This group and everything above it, nearest first."""
        found: list[Group] = []
        group: Group | None = self
        while group is not None:
            found.append(group)
            group = group.parent
        return found


@dataclass(eq=False)
class Project:
    """A project; `path` is its full path, `members` and `shares` as in `Group`.

    Attributes:
        jobs: Whether CI/CD is switched on.
        deploys: Whether environments, and with them deployments, are switched on.
        merges: Whether merge requests are switched on.
        merge_method: `merge`, `rebase_merge` or `ff`.
    """

    id: int
    path: str
    namespace: Group
    created_at: datetime
    archived: bool = False
    visibility: str = "private"
    jobs: bool = True
    deploys: bool = True
    merges: bool = True
    merge_method: str = "merge"
    members: dict[int, int] = field(default_factory=dict)
    shares: dict[int, int] = field(default_factory=dict)
    environments: dict[int, "Environment"] = field(default_factory=dict)
    merge_requests: dict[int, "MergeRequest"] = field(default_factory=dict)
    commits: dict[str, "Commit"] = field(default_factory=dict)
    last_deployment_iid: int = 0
    last_merge_request_iid: int = 0

    @property
    def name(self) -> str:
        """The last part of the full path."""
        return self.path.rpartition("/")[2]


@dataclass(eq=False)
class Environment:
    """An environment; `state` is `available`, `stopping` or `stopped`."""

    id: int
    project: Project
    name: str
    tier: str
    state: str
    created_at: datetime
    updated_at: datetime
    linked: set[int] = field(default_factory=set)

    @property
    def folder(self) -> str | None:
        """The part before the first slash, GitLab's `environment_type`; None without a slash."""
        folder, slash, _ = self.name.partition("/")
        return folder if slash else None


@dataclass(frozen=True)
class Commit:
    """A commit in a project's repository; `parents` are SHAs, none for the first one."""

    sha: str
    parents: tuple[str, ...]
    committed_at: datetime


@dataclass(eq=False)
class MergeRequest:
    """A merge request; `iid` counts within its project.

    Attributes:
        sha: The head of its source branch.
        merge_commit_sha: The merge commit; None where it was merged by fast-forward.
        squash_commit_sha: The commit that its commits were squashed into, None where they were not.
    """

    id: int
    iid: int
    project: Project
    title: str
    state: str
    created_at: datetime
    updated_at: datetime
    merged_at: datetime | None
    source_branch: str
    target_branch: str
    author: str
    sha: str
    merge_commit_sha: str | None = None
    squash_commit_sha: str | None = None


@dataclass(eq=False)
class Deployment:
    """A deployment; `iid` counts within its project.

    Attributes:
        deployable: Whether a CI job made it; False for one made through the API.
        merge_requests: The linked merge requests, hidden until `links_visible_at`.
    """

    id: int
    iid: int
    environment: Environment
    status: str
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    ref: str
    sha: str
    deployable: bool = True
    merge_requests: list[MergeRequest] = field(default_factory=list)
    links_visible_at: datetime | None = None

    @property
    def project(self) -> Project:
        """The project whose environment this went to."""
        return self.environment.project
