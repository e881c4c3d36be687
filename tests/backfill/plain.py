"""A small company of random history, and its numbers at any moment by the plainest loops."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from random import Random

from tests.backfill.text import Series
from tests.filling import Filling

PROJECTS = {1: "acme/shop/app", 2: "acme/lib", 3: "acme/shop/old", 4: "acme/unread"}
GROUPS = {10: "acme", 11: "acme/shop", 12: "acme/empty"}
WINDOWS = {"1d": 1, "7d": 7, "30d": 30}
PERCENTILES = (50, 75, 95)


@dataclass
class Deployed:
    """A deployment, and when its merge requests were merged."""

    project: int
    tier: str
    finished: datetime
    merged: list[datetime]


@dataclass
class Company:
    """Three projects with history, of which one knows less of it than the others."""

    since: dict[int, datetime]
    complete: dict[int, bool]
    tiers: dict[int, set[str]] = field(default_factory=dict)
    deployed: list[Deployed] = field(default_factory=list)

    def expected(self, moment: datetime) -> dict[Series, float]:
        """Return every sample of a moment."""
        found: dict[Series, float] = {}
        for number, path in PROJECTS.items():
            if number in self.since and moment > self.since[number]:
                labels = {
                    "project_id": str(number),
                    "project": path,
                    "group": path.rpartition("/")[0],
                }
                since = self.since[number]
                self._level(found, "project", labels, inside={number}, since=since, moment=moment)
        for number, path in GROUPS.items():
            inside = {one for one in self.since if PROJECTS[one].startswith(path + "/")}
            if not inside:
                continue
            cut = [self.since[one] for one in inside if not self.complete[one]]
            since = max(cut) if cut else min(self.since[one] for one in inside)
            if moment > since:
                labels = {
                    "group_id": str(number),
                    "group": path,
                    "level": str(path.count("/")),
                }
                self._level(found, "group", labels, inside=inside, since=since, moment=moment)
        return found

    def _level(
        self,
        found: dict[Series, float],
        level: str,
        labels: dict[str, str],
        *,
        inside: set[int],
        since: datetime,
        moment: datetime,
    ) -> None:
        for tier in {one for number in inside for one in self.tiers[number]}:
            here = [
                one
                for one in self.deployed
                if one.project in inside and one.tier == tier and one.finished <= moment
            ]

            def tell(name: str, value: float, tier: str = tier, **more: str) -> None:
                series = {**labels, "environment_tier": tier, **more}
                found[f"gitlab_dora_{level}_{name}", frozenset(series.items())] = value

            tell("deployments_total", len(here))
            if here:
                last = max(one.finished for one in here)
                tell("last_deployment_timestamp_seconds", last.timestamp())
            for window, days in WINDOWS.items():
                for end, prefix in ((moment, ""), (moment - timedelta(days=days), "previous_")):
                    begin = end - timedelta(days=days)
                    if begin < since:
                        continue
                    held = [one for one in here if begin < one.finished <= end]
                    waited = sorted(
                        max((one.finished - merged) / timedelta(seconds=1), 0.0)
                        for one in held
                        for merged in one.merged
                    )
                    lead_time = f"{prefix}lead_time_for_changes"
                    tell(f"{prefix or 'recent_'}deployments", len(held), window=window)
                    tell(f"{lead_time}_merge_requests", len(waited), window=window)
                    if not prefix:
                        tell("deployment_frequency", len(held) / days, window=window)
                    for one in PERCENTILES if waited else ():
                        seconds = _percentile(waited, one)
                        tell(f"{lead_time}_seconds", seconds, window=window, percentile=str(one))


def _percentile(ordered: list[float], percentile: int) -> float:
    position = Fraction(percentile * (len(ordered) - 1), 100)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    step = Fraction(ordered[above]) - Fraction(ordered[below])
    return float(Fraction(ordered[below]) + (position - below) * step)


def fill(facts: Filling, start: datetime, days: int, rng: Random) -> Company:
    """Fill a store with random history from a day's begin on, and poll."""
    facts.scope(PROJECTS, GROUPS)
    company = Company(
        {1: start, 2: start, 3: start + timedelta(days=9)}, {1: True, 2: True, 3: False}
    )
    for project in company.since:
        company.tiers[project] = {"production", "staging"} if project == 1 else {"production"}
        for tier in sorted(company.tiers[project]):
            environment = facts.environment(
                project,
                tier,
                tier=tier,
                covered_since=company.since[project],
                complete=company.complete[project],
            )
            span = facts.clock.present - company.since[project]
            for _ in range(rng.randrange(days // 4, days // 2)):
                finished = facts.clock.present - span * rng.random()
                if rng.random() < 0.2:
                    # On the hour: also right at the end of a day.
                    finished = finished.replace(minute=0, second=0, microsecond=0)
                    finished = max(finished, company.since[project])
                merged = [
                    finished - timedelta(hours=rng.uniform(-2, 90))
                    for _ in range(rng.choice((0, 1, 1, 3)))
                ]
                facts.deploy(environment, finished, merged)
                company.deployed.append(Deployed(project, tier, finished, merged))
    facts.poll()
    return company
