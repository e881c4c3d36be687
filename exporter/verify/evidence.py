"""What GitLab has, asked for where a difference needs it, and each thing once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, timedelta
from functools import cache

from exporter.dora.calendar import day_begins
from exporter.dora.facts import Group, Project
from exporter.explain.facts import TracedDeployment
from exporter.gitlab.dora import ByDay, DoraReader, Metric, NotLicensedError
from exporter.instant import Instant

MOST_PROJECTS = 50
"""Projects of a group that are asked for a day."""


class Evidence:
    """Asks GitLab about single days and deployments."""

    def __init__(self, reader: DoraReader, *, start: date, end: date, asked_at: Instant) -> None:
        self._reader = reader
        self.start = start
        self.end = end
        self.asked_at = asked_at
        """When GitLab was asked for its numbers."""
        self._exists = cache(reader.exists)
        self._listed = cache(self._ask_listed)
        self._merge_requests = cache(reader.merge_requests)
        self._below = cache(self._ask_below)
        self._of_project = cache(self._ask_of_project)

    def with_links(self, one: TracedDeployment) -> TracedDeployment:
        """Return a deployment with the merge requests that are linked to it now."""
        found = self._merge_requests(one.environment.project_id, one.id)
        return replace(one, merge_requests=tuple(found), links_final=True)

    def listed(self, project_ids: Sequence[int], day: date) -> set[int] | None:
        """Return the ids of the deployments that finished on a UTC day in some projects.

        None where GitLab cannot tell, or the projects are too many.
        """
        if len(project_ids) > MOST_PROJECTS:
            return None
        found: set[int] = set()
        for one in project_ids:
            listed = self._listed(one, day)
            if listed is None:
                return None
            found |= listed
        return found

    def deleted(self, one: TracedDeployment) -> bool:
        """Whether GitLab has a deployment no more."""
        return not self._exists(one.environment.project_id, one.id)

    def of_others(
        self, group: Group, known: Sequence[Project], metric: Metric, tier: str, day: date
    ) -> list[float]:
        """Return a day's numbers of a group's projects that the exporter does not poll."""
        others = self._below(group.id, frozenset(one.id for one in known))
        if len(others) > MOST_PROJECTS:
            return []
        found = [self._of_project(one.id, metric, tier).get(day) for one in others]
        return [one for one in found if one is not None]

    def _ask_listed(self, project_id: int, day: date) -> frozenset[int] | None:
        begins, ends = day_begins(day, UTC), day_begins(day + timedelta(days=1), UTC)
        told = self._reader.listed(project_id, begins, ends)
        return None if told is None else frozenset(told)

    def _ask_below(self, group_id: int, known: frozenset[int]) -> list[Project]:
        return self._reader.projects_below(group_id, known)

    def _ask_of_project(self, project_id: int, metric: Metric, tier: str) -> ByDay:
        try:
            return self._reader.by_day(
                "project",
                project_id,
                metric=metric,
                tier=tier,
                start=self.start,
                end=self.end,
            )
        except NotLicensedError:
            return {}
