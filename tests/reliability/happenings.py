"""What happens in a small GitLab while an exporter polls it through bad weather.

All times are whole seconds, which each of GitLab's APIs tells alike. A deployment finishes within
the four minutes before it is added, so at the poll that follows, and at no other, its merge
requests are not final yet.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from exporter.simulator import World
from exporter.simulator.world import Environment, Project

GROUPS = ("acme", "acme/web", "acme/web/shop")
_NAMES = ("production", "staging", "live-eu", "qa/1")


class Happenings:
    """Lets things happen in a world.

    Args:
        world: where.
        rng: the only source of chance.
        forgettable: whether all that a project holds is known, so that it may be deleted: nobody
            can tell later what was deleted before it was read.

    Attributes:
        counts: how often each thing happened.
        left: groups that a project was moved into or out of.
    """

    def __init__(
        self, world: World, rng: Random, forgettable: Callable[[Project], bool] = lambda _one: False
    ) -> None:
        self._world = world
        self._rng = rng
        self.forgettable = forgettable
        self.counts: Counter[str] = Counter()
        self.left: set[str] = set()
        self._number = 0

    def found(self, projects_a_group: int = 2, deployments: int = 8) -> None:
        """Add the projects that are there from the beginning, with ten days of history."""
        for group in GROUPS:
            for _ in range(projects_a_group):
                project = self._new_project(group)
                for environment in list(project.environments.values()):
                    moments = sorted(self._rng.uniform(1, 240) for _ in range(deployments))
                    for hours in reversed(moments):
                        self._deploy(environment, self._now() - timedelta(hours=hours))

    def happen(self) -> None:
        """Let nothing, something or several things happen."""
        for likely, what in (
            (0.25, self._deploy_somewhere),
            (0.06, self._deploy_somewhere),
            (0.006, self._new_environment),
            (0.004, self._new_project_somewhere),
            (0.006, self._rename),
            (0.004, self._move),
            (0.006, self._delete),
            (0.006, self._recreate),
        ):
            if self._rng.random() < likely and what():
                self.counts[what.__name__.strip("_")] += 1

    def _now(self) -> datetime:
        return self._world.clock().replace(microsecond=0)

    def _deploy_somewhere(self) -> bool:
        environment = self._rng.choice(list(self._world.environments.values()))
        self._deploy(environment, self._now() - timedelta(seconds=self._rng.randint(5, 230)))
        return True

    def _deploy(self, environment: Environment, at: datetime) -> None:
        rng, at = self._rng, at.replace(microsecond=0)
        failed = rng.random() < 0.1
        merged = [] if failed else [rng.randint(600, 200_000) for _ in range(rng.randint(0, 3))]
        self._world.add_deployment(
            environment,
            status="failed" if failed else "success",
            created_at=at - timedelta(minutes=3),
            finished_at=at,
            deployable=rng.random() < 0.8,
            merge_requests=[
                self._world.add_merge_request(
                    environment.project, merged_at=at - timedelta(seconds=one)
                )
                for one in merged
            ],
            links_visible_at=at + timedelta(seconds=30),
        )

    def _new_environment(self) -> bool:
        project = self._rng.choice(list(self._world.projects.values()))
        names = {one.name for one in project.environments.values()}
        free = [one for one in _NAMES if one not in names]
        if free:
            self._begin_environment(project, free[0], self._now() - timedelta(seconds=90))
        return bool(free)

    def _begin_environment(self, project: Project, name: str, at: datetime) -> None:
        environment = self._world.add_environment(project, name, created_at=at)
        self._world.add_deployment(environment, created_at=at, finished_at=at)

    def _new_project_somewhere(self) -> bool:
        if len(self._world.projects) > 7:
            return False
        self._new_project(self._rng.choice(GROUPS))
        return True

    def _new_project(self, group: str) -> Project:
        self._number += 1
        return self._begin_project(f"{group}/app-{self._number}")

    def _begin_project(self, path: str) -> Project:
        at = self._now() - timedelta(days=11) if self._number <= 6 else self._now()
        project = self._world.add_project(path, created_at=at)
        for name in _NAMES[: self._rng.randint(1, 2)]:
            self._begin_environment(project, name, at - timedelta(seconds=60))
        return project

    def _expendable(self) -> Project | None:
        """Return a project whose group holds another one too."""
        projects = list(self._world.projects.values())
        held = Counter(one.namespace.path for one in projects)
        several = [one for one in projects if held[one.namespace.path] > 1]
        return self._rng.choice(several) if several else None

    def _rename(self) -> bool:
        self._number += 1
        project = self._rng.choice(list(self._world.projects.values()))
        self._world.move_project(project, f"{project.namespace.path}/renamed-{self._number}")
        return True

    def _move(self) -> bool:
        project = self._expendable()
        if project is None:
            return False
        self._number += 1
        group = self._rng.choice(GROUPS)
        self.left |= {project.namespace.path, group}
        self._world.move_project(project, f"{group}/moved-{self._number}")
        return True

    def _delete(self) -> bool:
        project = self._expendable()
        if project is None or len(self._world.projects) < 5 or not self.forgettable(project):
            return False
        self._world.delete_project(project)
        return True

    def _recreate(self) -> bool:
        project = self._rng.choice(list(self._world.projects.values()))
        if not self.forgettable(project):
            return False
        self._number += 1
        self._world.delete_project(project)
        self._begin_project(project.path)
        return True
