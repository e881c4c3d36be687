"""Estates of different size and habits, which go on as they were when time passes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random

from exporter.simulator import World
from exporter.simulator.world import Deployment, Environment, Project
from tests.bench.timetable import Timetable
from tests.clock import FakeClock

_DAYS = 130.0
"""How far back deployments reach, of projects that are no younger."""


@dataclass(frozen=True)
class Habits:
    """Of a project: where it deploys to, and how often a day."""

    pace: float
    days: float
    staging: bool
    review_apps: int
    merge_requests: float


class Estate:
    """Fills a simulated GitLab with projects of a group ``big``, and deploys on and on."""

    def __init__(self, world: World, clock: FakeClock, seed: int) -> None:
        self.world = world
        self._clock = clock
        self._random = Random(seed)
        self.tell: Callable[[Deployment], object] = lambda _deployment: None
        """Is told of each deployment, as GitLab's events do."""
        self._paces: list[tuple[Environment, float, float]] = []

    def add(self, projects: int, *, pace: float, group: str = "big", review_apps: int = 0) -> None:
        """Add projects that deploy ``pace`` times a day to production, some more, some less."""
        steps: list[tuple[datetime, Callable[[], object]]] = []
        for number in range(projects):
            habits = self._habits(pace, review_apps)
            begin = self._clock.ago(days=habits.days)
            project = self.world.add_project(
                f"{group}/team-{number // 20}/app-{number}", created_at=begin
            )
            for name, factor in (("production", 1.0), ("staging", 2.5 * habits.staging)):
                if factor:
                    one = self.world.add_environment(project, name, created_at=begin)
                    pace_of = habits.pace * factor
                    self._paces.append((one, pace_of, habits.merge_requests))
                    steps += self._past(one, pace_of, habits)
            steps += self._review_apps(project, habits.review_apps)
        # Ids grow with time over the whole instance, as they do in GitLab.
        for _, step in sorted(steps, key=lambda one: one[0]):
            step()

    def go_on(self, timetable: Timetable, hours: float) -> int:
        """Plan what happens in the next hours; return how many deployments it is."""
        number = 0
        for one, pace, merge_requests in self._paces:
            at = self._random.expovariate(pace / 24) if pace else hours
            while at < hours:
                timetable.after(at * 3600, partial(self._deploy, one, merge_requests))
                number += 1
                at += self._random.expovariate(pace / 24)
        return number

    def _habits(self, pace: float, review_apps: int) -> Habits:
        chance = self._random
        return Habits(
            pace=0.0 if chance.random() < 0.15 else pace * chance.lognormvariate(-0.32, 0.8),
            days=_DAYS if chance.random() < 0.7 else chance.uniform(5, _DAYS),
            staging=chance.random() < 0.4,
            review_apps=chance.randrange(2 * review_apps) if review_apps else 0,
            merge_requests=chance.choice([0.0, 0.8, 1.5, 3.0]),
        )

    def _past(
        self, one: Environment, pace: float, habits: Habits
    ) -> list[tuple[datetime, Callable[[], object]]]:
        number = round(pace * habits.days)
        moments = [
            self._clock.ago(days=self._random.uniform(0, habits.days)) for _ in range(number)
        ]
        return [(at, partial(self._deploy, one, habits.merge_requests, at=at)) for at in moments]

    def _review_apps(
        self, project: Project, number: int
    ) -> list[tuple[datetime, Callable[[], object]]]:
        steps: list[tuple[datetime, Callable[[], object]]] = []
        for each in range(number):
            begin = self._clock.ago(days=self._random.uniform(1, 60))
            one = self.world.add_environment(project, f"review/{each}", created_at=begin)
            for hours in range(self._random.randint(1, 3)):
                at = begin + timedelta(hours=hours)
                steps.append((at, partial(self._deploy, one, 0.0, at=at)))
        return steps

    def _deploy(self, one: Environment, mean: float, *, at: datetime | None = None) -> None:
        finished_at = (at or self._clock()).replace(microsecond=0)
        number = int(mean) + (self._random.random() < mean % 1)
        linked = [
            self.world.add_merge_request(
                one.project, merged_at=finished_at - timedelta(hours=self._random.uniform(1, 60))
            )
            for _ in range(number)
        ]
        deployed = self.world.add_deployment(
            one,
            created_at=finished_at - timedelta(minutes=3),
            finished_at=finished_at,
            merge_requests=linked,
        )
        self.tell(deployed)
