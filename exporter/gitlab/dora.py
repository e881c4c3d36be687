"""GitLab's own DORA metrics, where the instance is licensed for them, and what they rest on.

https://docs.gitlab.com/ee/api/dora/metrics.html: a range of 92 days at most, begin before end, and
in each version another form of the elements.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal
from urllib.parse import quote

from exporter.dora.facts import MergeRequest, Project
from exporter.gitlab.answers import DeploymentAnswer, ProjectAnswer, read, read_merge_request
from exporter.gitlab.client import Client
from exporter.gitlab.discovery import list_of_projects
from exporter.gitlab.errors import (
    BadAnswerError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RefusedError,
    UnauthorizedError,
)
from exporter.instant import Instant, iso

_LONGEST = 90
"""Days of a range; versions differ in whether 92 or more are allowed."""

Metric = Literal["deployment_frequency", "lead_time_for_changes"]

ByDay = dict[date, float]
"""What GitLab tells of each day; days of which it has nothing, or null, are left out."""


class NotLicensedError(RefusedError):
    """GitLab has no DORA metrics for this, or not for this token."""

    kind = "not_licensed"


@dataclass(frozen=True, slots=True)
class Listed:
    """A successful deployment as GitLab lists it now."""

    id: int
    environment_id: int


class DoraReader:
    """Reads GitLab's own metrics; used from one thread."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def by_day(
        self,
        kind: Literal["project", "group"],
        reference: str | int,
        *,
        metric: Metric,
        tier: str,
        start: date,
        end: date,
    ) -> ByDay:
        """Return a metric of a project or group for each day from ``start`` to ``end``.

        Lead times are in seconds.

        Raises:
            NotLicensedError: if GitLab computes none, or shows none to this token.
            GitLabError: if GitLab does not answer as it must.
        """
        path = f"/{kind}s/{quote(str(reference), safe='')}/dora/metrics"
        found: ByDay = {}
        while start <= end:
            last = min(end, start + timedelta(days=_LONGEST - 1))
            # The begin must lie before the end, so a single day is asked for with the one before.
            first = min(start, last - timedelta(days=1))
            told = self._ask(
                path,
                metric=metric,
                interval="daily",
                start_date=first.isoformat(),
                end_date=last.isoformat(),
                **{"environment_tier": tier, "environment_tiers[]": tier},
            )
            found |= {day: value for day, value in _elements(told).items() if start <= day <= last}
            start = last + timedelta(days=1)
        return found

    def listed(self, project_id: int, begins: Instant, ends: Instant) -> dict[int, Listed] | None:
        """Return, by id, the successful deployments that finished in ``[begins, ends)``.

        None where this GitLab cannot list them by finish.

        Raises:
            GitLabError: if GitLab does not answer as it must.
        """
        try:
            items = self._client.items(
                f"/projects/{project_id}/deployments",
                status="success",
                order_by="finished_at",
                sort="asc",
                finished_after=iso(begins),
                finished_before=iso(ends),
            )
        except InvalidError:
            return None
        rows = [read(DeploymentAnswer, item, "deployment") for item in items]
        return {row.id: Listed(row.id, row.environment.id) for row in rows}

    def exists(self, project_id: int, deployment_id: int) -> bool:
        """Whether GitLab still has a deployment.

        Raises:
            GitLabError: if GitLab does not answer as it must.
        """
        try:
            self._client.get(f"/projects/{project_id}/deployments/{deployment_id}")
        except NotFoundError:
            return False
        return True

    def merge_requests(self, project_id: int, deployment_id: int) -> list[MergeRequest]:
        """Return the merge requests that are linked to a deployment now."""
        path = f"/projects/{project_id}/deployments/{deployment_id}/merge_requests"
        return list(
            {one.iid: one for one in map(read_merge_request, self._client.items(path))}.values()
        )

    def projects_below(self, group_id: int, without: Collection[int]) -> list[Project]:
        """Return all projects of a group, archived ones too, but for some."""
        parameters = list_of_projects(include_subgroups=True, archived=True)
        items = self._client.items(f"/groups/{group_id}/projects", **parameters)
        rows = [read(ProjectAnswer, item, "project") for item in items]
        return [Project(row.id, row.path_with_namespace) for row in rows if row.id not in without]

    def _ask(self, path: str, **parameters: object) -> Any:
        try:
            return self._client.get(path, **parameters)
        except ForbiddenError as error:
            raise NotLicensedError(str(error)) from None
        except UnauthorizedError as error:
            # GitLab's answer to who may not see them, and where there is no licence.
            if "dora" in str(error).partition(":")[2].lower():
                raise NotLicensedError(str(error)) from None
            raise
        except NotFoundError as error:
            if "Project Not Found" in str(error) or "Group Not Found" in str(error):
                raise
            raise NotLicensedError(str(error)) from None


def _elements(told: Any) -> ByDay:
    if not isinstance(told, list):
        raise BadAnswerError("dora metrics: an object where a list belongs")
    found: ByDay = {}
    for element in told:
        if not isinstance(element, dict):
            raise BadAnswerError("dora metrics: no day where one belongs")
        pairs = (
            [(element["date"], element.get("value"))] if "date" in element else [*element.items()]
        )
        for day, value in pairs:
            try:
                if value is not None:
                    found[date.fromisoformat(day)] = float(value)
            except (TypeError, ValueError):
                raise BadAnswerError(f"dora metrics: {day!r} is no day with a number") from None
    return found
