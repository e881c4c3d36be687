"""What a set-up looks like from here: few requests for each project, and none that changes GitLab.

A project costs 1 request for itself, 1 for each 100 environments, 1 for its newest deployments, and
some more where these tell too little.
https://docs.gitlab.com/ee/api/projects.html, https://docs.gitlab.com/ee/api/environments.html,
https://docs.gitlab.com/ee/api/deployments.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from exporter.gitlab.answers import DeploymentAnswer, EnvironmentAnswer, read
from exporter.gitlab.client import PAGE, Client
from exporter.gitlab.discovery import discover_group
from exporter.gitlab.errors import BadAnswerError, NotFoundError

_ENVIRONMENT_PAGES = 5
"""Pages of environments of a project that are looked at: it may have thousands of review apps."""

_OFF = "disabled"


class _Access(BaseModel):
    access_level: int = 0


class _Permissions(BaseModel):
    project_access: _Access | None = None
    group_access: _Access | None = None


class _ProjectAnswer(BaseModel):
    id: int
    path_with_namespace: str
    archived: bool = False
    merge_method: str | None = None
    jobs_enabled: bool = True
    builds_access_level: str | None = None
    merge_requests_enabled: bool = True
    merge_requests_access_level: str | None = None
    environments_access_level: str | None = None
    permissions: _Permissions | None = None


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """A project as GitLab describes it.

    ``role`` is the access level that the project tells of the token's owner, 0 for none; a role by
    an invited group is not told. ``jobs``, ``deploys`` and ``merges`` say whether CI/CD,
    environments and merge requests are switched on.
    """

    id: int
    path: str
    archived: bool
    merge_method: str | None
    jobs: bool
    deploys: bool
    merges: bool
    role: int


@dataclass(frozen=True, slots=True)
class Environments:
    """Environments of a project; ``whole`` says that there are no others."""

    listed: tuple[EnvironmentAnswer, ...]
    whole: bool


class Inspection:
    """Asks for single facts; each question raises a GitLabError where GitLab does not answer."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def version(self) -> str | None:
        """Return what GitLab says that it is, such as ``17.2.1-ee``; asked once, without tries.

        None if what answers in JSON is not GitLab.
        """
        answer = self._client.get_once("/version")
        told = answer.get("version") if isinstance(answer, dict) else None
        return told if isinstance(told, str) else None

    def project(self, reference: str | int) -> ProjectFacts:
        """Describe a project."""
        seen = read(_ProjectAnswer, self._client.get(f"/projects/{_quoted(reference)}"), "project")
        permissions = seen.permissions or _Permissions()
        roles = (permissions.project_access, permissions.group_access)
        return ProjectFacts(
            id=seen.id,
            path=seen.path_with_namespace,
            archived=seen.archived,
            merge_method=seen.merge_method,
            jobs=seen.jobs_enabled and seen.builds_access_level != _OFF,
            deploys=seen.environments_access_level != _OFF,
            merges=seen.merge_requests_enabled and seen.merge_requests_access_level != _OFF,
            role=max(one.access_level if one else 0 for one in roles),
        )

    def projects_of(
        self, group: str | int, *, include_subgroups: bool, archived: bool
    ) -> Mapping[int, str]:
        """Return the full paths of a group's projects by their ids, as discovery finds them."""
        return discover_group(
            self._client, group, include_subgroups=include_subgroups, archived=archived
        ).projects

    def is_group(self, reference: str | int) -> bool:
        """Tell whether there is a group of that name for the token."""
        return self._is_there(f"/groups/{_quoted(reference)}")

    def is_project(self, reference: str | int) -> bool:
        """Tell whether there is a project of that name for the token."""
        return self._is_there(f"/projects/{_quoted(reference)}")

    def has_archived_projects(self, group: str | int) -> bool:
        """Tell whether a group, or one below it, holds archived projects."""
        path = f"/groups/{_quoted(group)}/projects"
        return bool(self._rows(path, include_subgroups="true", archived="true", per_page=1))

    def environments(self, project_id: int) -> Environments:
        """List a project's environments, the first of them where they are very many."""
        listed: list[EnvironmentAnswer] = []
        last = True
        pages = self._client.pages(f"/projects/{project_id}/environments")
        for number, page in enumerate(pages, 1):
            listed += [read(EnvironmentAnswer, item, "environment") for item in page.items]
            last = page.last
            if number == _ENVIRONMENT_PAGES:
                break
        return Environments(tuple(listed), last)

    def successes(
        self, project_id: int, environment: str | None = None, *, number: int = PAGE
    ) -> list[DeploymentAnswer]:
        """List the newest successful deployments, the newest first."""
        chosen = {} if environment is None else {"environment": environment}
        return self._deployments(project_id, status="success", per_page=number, **chosen)

    def attempts(self, project_id: int) -> list[DeploymentAnswer]:
        """List the newest deployments of any status, the newest first."""
        return self._deployments(project_id, per_page=20)

    def has_merged(self, project_id: int) -> bool:
        """Tell whether any merge request was ever merged in a project."""
        path = f"/projects/{project_id}/merge_requests"
        return bool(self._rows(path, state="merged", per_page=1))

    def _deployments(self, project_id: int, **parameters: object) -> list[DeploymentAnswer]:
        path = f"/projects/{project_id}/deployments"
        rows = self._rows(path, order_by="id", sort="desc", **parameters)
        return [read(DeploymentAnswer, one, "deployment") for one in rows]

    def _rows(self, path: str, **parameters: object) -> list[Any]:
        rows = self._client.get(path, **parameters)
        if not isinstance(rows, list):
            raise BadAnswerError(f"GET {path}: an object where a list belongs")
        return rows

    def _is_there(self, path: str) -> bool:
        try:
            self._client.get(path)
        except NotFoundError:
            return False
        return True


def _quoted(reference: str | int) -> str:
    return quote(str(reference), safe="")
