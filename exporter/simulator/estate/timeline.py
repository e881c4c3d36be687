"""The deployments to one environment of a made-up project."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from exporter.simulator.estate.changes import (
    MAIN,
    Change,
    ChangePlan,
    release_branch,
    release_cut,
)
from exporter.simulator.estate.temperaments import Cadence, EnvironmentHabit, Temperament
from exporter.simulator.estate.window import Window, days_between
from exporter.simulator.estate.working_hours import WorkingHours, log_normal

_ATTEMPTS: Final = 3
_INCIDENTS: Final = 3
_GAP: Final = timedelta(seconds=40)


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """A deployment to be.

    Attributes:
        status: As GitLab names it.
        created_at: When it was created.
        finished_at: When it ended; None while it has not.
        ref: Branch it was made from.
        sha: Deployed commit.
        content: Up to when the merges into each branch are in it.
        unmerged: Merge requests in it that were merged later.
    """

    status: str
    created_at: datetime
    finished_at: datetime | None
    ref: str
    sha: str
    content: Mapping[str, datetime]
    unmerged: tuple[Change, ...] = ()


class Timeline:
    """Makes up what was deployed to one environment, one deployment after the other.

    Args:
        rng: The only source of chance.
        temperament: How the team works.
        habit: How it uses this environment.
        window: What the estate is about.
        plan: What the team merged; hurried fixes are added to it.
    """

    def __init__(
        self,
        rng: Random,
        temperament: Temperament,
        habit: EnvironmentHabit,
        window: Window,
        plan: ChangePlan,
    ) -> None:
        self.releases: list[Release] = []
        self._rng = rng
        self._habit = habit
        self._window = window
        self._plan = plan
        self._hours = WorkingHours(ZoneInfo(temperament.zone))
        self._begin = window.at(habit.first)
        last = temperament.ends if habit.last is None else habit.last
        self._end = window.at(min(last, temperament.ends))
        self._merged_at = sorted(
            (change.merged_at, change.target_branch)
            for change in plan.changes
            if change.merged_at is not None
        )
        self._successes: list[Release] = []
        self._free_at = self._begin
        self._incident = rng.randrange(_INCIDENTS)

    def fill(self) -> list[Release]:
        """Make up every deployment, in the order they were created."""
        for trigger in sorted(self._triggers()):
            created_at = max(trigger, self._free_at)
            if created_at > self._end:
                break
            ref, content = self._content(created_at)
            if not self._successes or self._brings_anything(content):
                self._deploy(created_at, ref, content)
        self._leave_unfinished()
        return self.releases

    def _triggers(self) -> Iterator[datetime]:
        rng, habit = self._rng, self._habit
        if habit.cadence is Cadence.EVERY_MERGE:
            for merged_at, branch in self._merged_at:
                if branch == MAIN and merged_at >= self._begin:
                    yield merged_at + log_normal(rng, habit.wait)
            return
        for day in days_between(self._begin, self._end):
            if habit.cadence is Cadence.DAILY:
                due = day.weekday() < 5 and rng.random() < 0.92
            else:
                due = day.weekday() == habit.weekday and rng.random() < 0.97
            if due and (moment := self._hours.moment(rng, day, around=habit.hour)) >= self._begin:
                yield moment

    def _content(self, created_at: datetime) -> tuple[str, dict[str, datetime]]:
        if self._habit.cadence is Cadence.TRAIN:
            branch = release_branch(created_at.date())
            return branch, {MAIN: release_cut(created_at.date()), branch: created_at}
        held_back = self._habit.held_back
        lately = self._habit.held_back_lately
        if lately is not None and created_at >= self._window.last_weeks:
            held_back = lately
        return MAIN, {MAIN: created_at - held_back}

    def _brings_anything(self, content: Mapping[str, datetime]) -> bool:
        before = self._successes[-1].content
        return any(
            merged_at <= content[branch] and (branch not in before or merged_at > before[branch])
            for merged_at, branch in self._merged_at
            if branch in content
        )

    def _deploy(self, created_at: datetime, ref: str, content: Mapping[str, datetime]) -> None:
        rng = self._rng
        sha = f"{rng.getrandbits(160):040x}"
        for _ in range(_ATTEMPTS):
            if rng.random() >= self._habit.failures:
                break
            status = rng.choices(("failed", "canceled", "skipped"), (7, 3, 1))[0]
            self._run(Release(status, created_at, None, ref, sha, content))
            created_at = self._free_at + timedelta(minutes=rng.uniform(3, 40))
        if self._run(Release("success", created_at, None, ref, sha, content)):
            every = self._habit.incident_every
            if every and len(self._successes) > 1 and len(self._successes) % every == 0:
                self._have_incident()

    def _run(self, release: Release) -> bool:
        """Let a deployment run to its end; tell whether it got there before the estate's."""
        if release.created_at > self._end:
            return False
        finished_at = release.created_at + log_normal(self._rng, self._habit.job, sigma=0.4)
        self._free_at = finished_at + _GAP
        if release.status == "skipped":
            self.releases.append(release)
            return False
        if finished_at > self._end:
            self.releases.append(replace(release, status="running"))
            return False
        done = replace(release, finished_at=finished_at)
        self.releases.append(done)
        if done.status == "success":
            self._successes.append(done)
        return True

    def _have_incident(self) -> None:
        self._incident = (self._incident + 1) % _INCIDENTS
        latest, before = self._successes[-1], self._successes[-2]
        noticed_at = self._free_at + timedelta(minutes=self._rng.uniform(10, 90))
        if self._incident == 0:
            self._run(_again(before, noticed_at))
            self._run(_again(latest, self._free_at + timedelta(minutes=self._rng.uniform(20, 200))))
        elif self._incident == 1:
            self._run(_again(latest, noticed_at))
        else:
            self._fix_in_a_hurry(latest, noticed_at)

    def _fix_in_a_hurry(self, latest: Release, noticed_at: datetime) -> None:
        rng = self._rng
        deployed_at = noticed_at + timedelta(minutes=rng.uniform(15, 60))
        merged_at = (
            deployed_at + 4 * self._habit.job + log_normal(rng, timedelta(minutes=50), sigma=0.6)
        )
        if merged_at > self._end:
            return
        fix = self._plan.hotfix(noticed_at, merged_at)
        sha = f"{rng.getrandbits(160):040x}"
        self._run(
            Release("success", deployed_at, None, fix.source_branch, sha, latest.content, (fix,))
        )

    def _leave_unfinished(self) -> None:
        for status in self._habit.unfinished:
            created_at = self._window.end - timedelta(minutes=self._rng.uniform(2, 55))
            ref, content = self._content(created_at)
            sha = f"{self._rng.getrandbits(160):040x}"
            self.releases.append(Release(status, created_at, None, ref, sha, content))
        self.releases.sort(key=lambda release: release.created_at)


def _again(release: Release, created_at: datetime) -> Release:
    return replace(release, status="success", created_at=created_at, finished_at=None, unmerged=())
