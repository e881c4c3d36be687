"""One state of the history: what is in scope, and the timelines of every project and group."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from exporter.dora import coverage
from exporter.dora.arithmetic import Aggregation, Authors, LeadTimeRules, Timeline
from exporter.dora.facts import Group, Project
from exporter.instant import Instant
from exporter.store import Scope

Timelines = Mapping[int, Timeline]
"""The timelines of a project's environments, by environment id."""

Tiers = Mapping[int, str]
"""The tiers of a project's environments, by environment id."""

_Key = tuple[int, frozenset[str], Authors]
"""A group's id, the tiers that are taken together, and whose merge requests."""


class View:
    """One state of the history; it never changes, so threads may share it.

    ``polled_at`` is the start of the last complete poll, None before the first; ``counters`` are
    the deployments ever counted, by kind (project or group), id and tier. ``of_bots`` are the lead
    times of authors who are excluded, without deployments.
    """

    def __init__(
        self,
        *,
        scope: Scope,
        polled_at: Instant | None,
        tiers: Mapping[int, Tiers],
        timelines: Mapping[int, Timelines],
        counters: Mapping[tuple[str, int, str], int],
        rules: LeadTimeRules,
        of_bots: Mapping[int, Timelines] | None = None,
    ) -> None:
        self.scope = scope
        self.polled_at = polled_at
        self.counters = counters
        self.rules = rules
        self._tiers = tiers
        self._timelines = timelines
        self._of_bots = of_bots or {}
        self._by_name: dict[tuple[str, str], Project | Group] = {}
        containers: list[Project | Group] = [*scope.projects, *scope.groups]
        for one in containers:
            kind = "project" if isinstance(one, Project) else "group"
            self._by_name[kind, str(one.id)] = one
            self._by_name[kind, one.path.lower()] = one
        self._members = {
            group.id: tuple(one for one in scope.projects if group.holds(one))
            for group in scope.groups
        }
        self._covered_since = {
            group_id: coverage.of_group(members) for group_id, members in self._members.items()
        }
        self._polled_to = {
            group_id: _all_polled_to(members) for group_id, members in self._members.items()
        }
        self._merged: dict[_Key, Timeline] = {}
        self._by_day: dict[_Key, Timeline] = {}

    def find_project(self, reference: str) -> Project | None:
        """Return the project in scope with this id or, in any case, this full path."""
        found = self._by_name.get(("project", reference.lower()))
        return found if isinstance(found, Project) else None

    def find_group(self, reference: str) -> Group | None:
        """Return the group in scope with this id or, in any case, this full path."""
        found = self._by_name.get(("group", reference.lower()))
        return found if isinstance(found, Group) else None

    def projects_of(self, container: Project | Group) -> Sequence[Project]:
        """Return the project itself, or all projects of a group and of its subgroups."""
        return (container,) if isinstance(container, Project) else self._members[container.id]

    def covered_since(self, container: Project | Group) -> Instant | None:
        """Return where the history of a project or group begins, None if nothing is known."""
        if isinstance(container, Project):
            return coverage.of_project(container)
        return self._covered_since[container.id]

    def polled_to(self, container: Project | Group) -> Instant | None:
        """Return up to where all of a project's or group's history is known."""
        if isinstance(container, Project):
            return container.polled_at
        return self._polled_to[container.id]

    def tiers_of(self, container: Project | Group) -> frozenset[str]:
        """Return the tiers in which a project or group has, or had, an environment."""
        return frozenset(
            tier
            for project in self.projects_of(container)
            if project.polled_at is not None
            for tier in self.tiers_by_environment(project).values()
        )

    def tiers_by_environment(self, project: Project) -> Tiers:
        """Return the tier of each environment that a project has, or had."""
        return self._tiers.get(project.id, {})

    def timelines_of(self, project: Project) -> Timelines:
        """Return all that is stored of a project, also what finished after its last poll.

        It is the same object in the views of before as long as nothing of the project is stored.
        """
        return self._timelines.get(project.id, {})

    def timeline(
        self,
        container: Project | Group,
        tiers: Collection[str],
        *,
        authors: Authors = Authors.PEOPLE,
        keep: bool = True,
    ) -> Timeline:
        """Return the deployments and lead times of a project or group in some tiers.

        It ends, for each project, where the last complete poll of it began: what lies behind may
        be known by half.

        Args:
            container: the project or group.
            tiers: those that are taken together.
            authors: whose merge requests; with those of bots alone there are no deployments.
            keep: whether that of a group is kept for the next question: those of all groups would
                take more memory than the whole history.
        """
        if isinstance(container, Project):
            return Timeline.merged(self._parts(container, tiers, authors))
        key = _key(container, tiers, authors)
        merged = self._merged.get(key)
        if merged is None:
            merged = Timeline.merged(
                [
                    part
                    for project in self._members[container.id]
                    for part in self._parts(project, tiers, authors)
                ]
            )
            if keep:
                self._merged[key] = merged
        return merged

    def lead_times(
        self,
        container: Project | Group,
        tiers: Collection[str],
        authors: Authors = Authors.PEOPLE,
    ) -> tuple[Timeline, LeadTimeRules]:
        """Return what the lead times of whole days are computed from, and by which rules.

        Where the rules ask for daily medians, those of a group are already taken: once, not again
        for each question.
        """
        timeline = self.timeline(container, tiers, authors=authors)
        if self.rules.aggregation is not Aggregation.DAILY_MEDIANS or isinstance(
            container, Project
        ):
            return timeline, self.rules
        key = _key(container, tiers, authors)
        by_day = self._by_day.get(key)
        if by_day is None:
            by_day = self._by_day[key] = timeline.by_day(self.rules.zone)
        return by_day, replace(self.rules, aggregation=Aggregation.MERGE_REQUESTS)

    def _parts(self, project: Project, wanted: Collection[str], authors: Authors) -> list[Timeline]:
        if project.polled_at is None:
            return []
        tiers = self.tiers_by_environment(project)
        sources = {
            Authors.PEOPLE: (self._timelines,),
            Authors.BOTS: (self._of_bots,),
            Authors.ALL: (self._timelines, self._of_bots),
        }
        return [
            timeline.until(project.polled_at)
            for source in sources[authors]
            for environment_id, timeline in source.get(project.id, {}).items()
            if tiers.get(environment_id) in wanted
        ]


def _key(group: Group, tiers: Collection[str], authors: Authors) -> _Key:
    return group.id, frozenset(tiers), authors


def _all_polled_to(projects: Iterable[Project]) -> Instant | None:
    ends = [one.polled_at for one in projects]
    known = [end for end in ends if end is not None]
    return min(known) if len(known) == len(ends) and known else None
