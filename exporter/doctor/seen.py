"""What was read of one project, and the reading of it."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from exporter.config import Settings
from exporter.doctor.names import suggested
from exporter.dora.facts import Environment, MergeRequest
from exporter.gitlab.answers import DeploymentAnswer
from exporter.gitlab.client import PAGE
from exporter.gitlab.inspection import Inspection, ProjectFacts
from exporter.instant import Instant, microseconds
from exporter.rules import tier_of

PRODUCTION = "production"

SAMPLE = 5
"""Deployments of a project whose merge requests are looked at."""

_SETTLED = microseconds(timedelta(minutes=10))
"""GitLab links merge requests in the background, and itself waits five minutes for it."""

_ASKED_BY_NAME = 3
"""Environments whose newest deployments are asked for, where those of the project tell none."""


@dataclass(slots=True)
class Seen:
    """One project.

    Attributes:
        facts: what GitLab tells of the project.
        listed: whether the configuration names it; else a group brought it.
        environments: with the tier that GitLab tells.
        tiers: by the id of each environment, what it counts for.
        whole: whether these are all environments.
        successes: the newest successful deployments, the newest first.
        unsuccessful: where there is no success, the statuses of what there is.
        production: of environments of production, the newest successes.
        last: when the newest success of each environment finished, as far as it was asked.
        linked: merge requests by deployment, of those that were looked at.
        has_merged: whether anything was merged; None where that was not asked.
    """

    facts: ProjectFacts
    listed: bool
    environments: Collection[Environment]
    tiers: Mapping[int, str]
    whole: bool
    successes: list[DeploymentAnswer] = field(default_factory=list)
    unsuccessful: Counter[str] = field(default_factory=Counter)
    production: list[DeploymentAnswer] = field(default_factory=list)
    last: dict[int, Instant] = field(default_factory=dict)
    linked: dict[int, list[MergeRequest]] = field(default_factory=dict)
    has_merged: bool | None = None

    def sample(self, now: Instant) -> list[DeploymentAnswer]:
        """Return the deployments whose merge requests tell most, the newest first.

        Of production where there are some, and of each commit the first: GitLab links a merge
        request once, so that deploying it again has none.
        """
        firsts: dict[tuple[int, str | None], DeploymentAnswer] = {}
        for one in self.production or self.successes:
            firsts[one.environment.id, one.sha] = one
        settled = [one for one in firsts.values() if now - one.finish()[0] > _SETTLED]
        return sorted(settled, key=lambda one: -one.id)[:SAMPLE]


def read_seen(
    inspection: Inspection, settings: Settings, facts: ProjectFacts, *, listed: bool
) -> Seen:
    """Read a project, but for its merge requests.

    Raises:
        GitLabError: if GitLab does not answer.
    """
    told = inspection.environments(facts.id)
    environments = [Environment(one.id, facts.id, one.name, one.tier) for one in told.listed]
    tiers = {one.id: tier_of(one, settings) for one in environments}
    seen = Seen(facts, listed, environments, tiers, told.whole)
    if not environments:
        return seen
    seen.successes = inspection.successes(facts.id)
    if not seen.successes:
        seen.unsuccessful = Counter(one.status for one in inspection.attempts(facts.id))
        return seen
    found = list(seen.successes)
    if len(found) >= PAGE:  # of what is deployed to seldom it may hold none
        known = {one.environment.id for one in found}
        matter = (one for one in environments if _matters(one, tiers) and one.id not in known)
        for one in islice(matter, _ASKED_BY_NAME):
            found += inspection.successes(facts.id, one.name, number=SAMPLE)
    seen.production = [one for one in found if tiers.get(one.environment.id) == PRODUCTION]
    for row in found:
        number, at = row.environment.id, row.finish()[0]
        seen.last[number] = max(at, seen.last.get(number, at))
    return seen


def _matters(one: Environment, tiers: Mapping[int, str]) -> bool:
    """Whether it counts as production, or seems to be meant to."""
    return PRODUCTION in {tiers[one.id], suggested(one.name)}
