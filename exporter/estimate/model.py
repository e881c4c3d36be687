"""An estate as far as its cost depends on it: projects, environments, the pace of deployments."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from exporter.dora.facts import Project
from exporter.gitlab.capabilities import Abilities
from exporter.instant import Instant, microseconds

CYCLE = microseconds(timedelta(days=28))
"""What happened in four weeks happens again: they hold each hour of the day and each weekday."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The successful deployments of one environment, as a stream.

    ``finishes`` are the newest, the newest first; about ``older`` lie further back, at the same
    pace. ``created_at`` is the environment's own.
    """

    name: str
    tier: str
    created_at: Instant | None
    finishes: Sequence[Instant]
    older: float

    @property
    def number(self) -> float:
        """How many there are."""
        return len(self.finishes) + self.older

    def since(self, begin: Instant) -> float:
        """Return how many finished at ``begin`` or later."""
        ascending = self.finishes[::-1]
        seen = len(ascending) - bisect_left(ascending, begin)
        if not self.older or not ascending or begin >= ascending[0]:
            return seen
        pace = len(ascending) / max(1, ascending[-1] - ascending[0])
        return seen + min(self.older, pace * (ascending[0] - begin))

    def cycle(self, now: Instant) -> list[Instant]:
        """Return the finishes of the last four weeks, as times from their begin, ascending."""
        begin = now - CYCLE
        found = [one - begin for one in self.finishes if begin <= one < now]
        if self.older and len(found) == len(self.finishes) > 1:
            # It began before: what is seen goes on backwards.
            span = now - self.finishes[-1]
            found += [
                one - times * span
                for times in range(1, CYCLE // max(1, span) + 1)
                for one in found
                if one - times * span >= 0
            ]
        return sorted(found)


@dataclass(frozen=True, slots=True)
class ProjectModel:
    """A project. ``together`` says that GitLab tells of it together with others."""

    project: Project
    flows: Sequence[Flow]
    together: bool

    def of_tier(self, tier: str) -> list[Flow]:
        """Return the environments of a tier."""
        return [flow for flow in self.flows if flow.tier == tier]


@dataclass(frozen=True, slots=True)
class Linking:
    """How often deployments bring merge requests.

    ``environments`` is the share of environments where any do, ``deployments`` that of the
    deployments there.
    """

    environments: float = 0.0
    deployments: float = 0.0

    @classmethod
    def of(cls, pairs: Sequence[tuple[bool, bool]]) -> "Linking":
        """Return what two deployments of each of some environments tell."""
        if not pairs:
            return cls()
        any_of_two = sum(one + other for one, other in pairs) / (2 * len(pairs))
        both = sum(one and other for one, other in pairs) / len(pairs)
        if not any_of_two:
            return cls()
        # Of independent ones: any = environments * deployments, both = environments * deployments².
        deployments = min(1.0, max(any_of_two, both / any_of_two))
        return cls(any_of_two / deployments, deployments)

    def none_of(self, number: float) -> float:
        """Return the chance that so many deployments of an environment brought none."""
        each: float = (1 - self.deployments) ** number
        return 1 - self.environments * (1 - each)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is in scope: how many projects and groups, and what finding them costs.

    ``listed`` are some or all of the projects, ``paths`` some or all of the groups.
    """

    projects: int
    listed: Sequence[Project]
    groups: int
    paths: Sequence[str]
    discovery: int


@dataclass(frozen=True, slots=True)
class Estate:
    """A model of everything in scope.

    ``models`` are some of the projects, and stand for all. ``linking`` is by tier; ``untold`` is
    the share of deployments whose merge requests GraphQL does not tell. ``newest_id`` is about that
    of the newest deployment.
    """

    now: Instant
    scope: Scope
    abilities: Abilities
    models: Sequence[ProjectModel]
    linking: Mapping[str, Linking] = field(default_factory=dict)
    untold: float = 0.0
    newest_id: int = 1

    @property
    def whole(self) -> bool:
        """Whether each project was looked at."""
        return len(self.models) >= self.scope.projects

    def linking_of(self, tier: str) -> Linking:
        """Return how often deployments of a tier bring merge requests, as of others if unknown."""
        return self.linking.get(tier) or next(iter(self.linking.values()), Linking())

    def unlinked(self, tier: str) -> float:
        """Return the share of deployments of a tier that bring none."""
        return self.linking_of(tier).none_of(1)

    def copies(self, most: int) -> list[ProjectModel]:
        """Return a model for each project, or so many at most that stand for all."""
        if not self.models:
            return []
        number = min(self.scope.projects, most)
        return [self.models[n % len(self.models)] for n in range(number)]
