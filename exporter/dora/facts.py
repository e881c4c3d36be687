"""The facts that the numbers are made of, free of anything GitLab's JSON looks like."""

from dataclasses import dataclass
from enum import StrEnum

from exporter.instant import Instant


class LinkMethod(StrEnum):
    """Who found that a deployment brought a merge request: GitLab, or a comparison of commits."""

    GITLAB = "gitlab"
    COMPARE = "compare"


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """A merge request linked to a deployment.

    ``merged_at`` is None when GitLab kept no merge time; it then has no lead time.
    """

    iid: int
    merged_at: Instant | None
    target_branch: str
    author: str
    found_by: LinkMethod = LinkMethod.GITLAB


@dataclass(frozen=True, slots=True)
class Deployment:
    """A successful deployment to one environment.

    ``first`` says that it was its environment's first success: GitLab then links every merge
    request ever merged into the deployed branch, whose lead times reach back years.
    """

    id: int
    environment_id: int
    finished_at: Instant
    first: bool = False
    merge_requests: tuple[MergeRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment of a project.

    ``tier`` is what GitLab answers, None where the instance is too old to say.
    ``oldest_deployment_id`` is the smallest id of its successful deployments, None while unknown.
    """

    id: int
    project_id: int
    name: str
    tier: str | None
    oldest_deployment_id: int | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """A project in scope. ``path`` is the full path, ``group`` that of its namespace.

    ``covered_since`` is where its stored history begins and ``polled_at`` where it ends: the start
    of the last poll of this project that succeeded. Both are None before the first one.
    ``complete`` says that GitLab had no deployment of it from before ``covered_since``.
    """

    id: int
    path: str
    covered_since: Instant | None = None
    polled_at: Instant | None = None
    complete: bool = False

    @property
    def group(self) -> str:
        """Full path of the namespace that holds the project."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Group:
    """A group in scope; ``level`` is 0 for a top-level group, 1 below it, and so on."""

    id: int
    path: str

    @property
    def level(self) -> int:
        """How many groups lie above this one."""
        return self.path.count("/")

    def holds(self, project: Project) -> bool:
        """Whether the project lies in this group or in any of its subgroups."""
        return project.path.lower().startswith(self.path.lower() + "/")
