"""Projects with a commit graph whose merge requests GitLab does not link to deployments."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final, Literal, get_args

from exporter.simulator.commits import add_commit, fast_forward, merge_commit, squash
from exporter.simulator.records import Environment, Project
from exporter.simulator.world import World

Kind = Literal["fast_forward", "squash", "folder", "api"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""Merged by fast-forward, or squashed; deployed to environments in a folder, or by the API."""

_NAMES: Final[dict[Kind, tuple[str, str]]] = {
    "fast_forward": ("production", "staging"),
    "squash": ("production", "staging"),
    "folder": ("production/eu", "production/us"),
    "api": ("production", "staging"),
}


@dataclass
class _Trunk:
    """The main branch while it grows, and all that it was."""

    world: World
    project: Project
    kind: Kind
    rng: Random
    heads: list[str]

    def push(self, at: datetime) -> None:
        """Commit without a merge request."""
        self.heads.append(add_commit(self.world, self.project, self.heads[-1], at=at))

    def merge(self, at: datetime) -> None:
        """Merge a branch of one to three commits, made some hours ago."""
        base = self.heads[-1]
        # What is merged by fast-forward was rebased; other branches may begin further back.
        if self.kind != "fast_forward" and len(self.heads) > 2:
            base = self.rng.choice(self.heads[-3:])
        head = base
        for hours in range(self.rng.randint(1, 3), 0, -1):
            head = add_commit(self.world, self.project, head, at=at - timedelta(hours=hours))
        world, project, trunk = self.world, self.project, self.heads[-1]
        author = self.rng.choice(("ada", "bo", "renovate-bot"))
        if self.kind == "fast_forward":
            landed, _ = fast_forward(world, project, head, at=at, author=author)
        elif self.kind == "squash":
            landed, _ = squash(world, project, trunk, head, at=at, author=author)
        else:
            landed, _ = merge_commit(world, project, trunk, head, at=at, author=author)
        self.heads.append(landed)


def unlinked(
    world: World, kind: Kind, *, seed: int, end: datetime, days: int = 20, path: str = ""
) -> Project:
    """Add a project `acme/KIND` that is merged into and deployed from, without any links.

    Among its deployments are roll-backs, some that go forward again, the same commit twice, and
    some that failed.

    Args:
        world: What to add to.
        kind: Why GitLab links nothing.
        seed: Decides everything that looks like chance.
        end: Latest possible time.
        days: How long it has existed.
        path: Another full path.
    """
    rng = Random(f"{kind} {seed}")
    begin = (end - timedelta(days=days)).replace(microsecond=0)
    with world.lock:
        project = world.add_project(path or f"acme/{kind.replace('_', '-')}", created_at=begin)
        environments = [
            world.add_environment(project, name, created_at=begin) for name in _NAMES[kind]
        ]
        trunk = _Trunk(world, project, kind, rng, [add_commit(world, project, at=begin)])
        deployed: dict[int, list[str]] = {one.id: [] for one in environments}
        at = begin
        while (at := at + timedelta(minutes=rng.randint(30, 600))) < end - timedelta(hours=1):
            happens = rng.random()
            if happens < 0.15:
                trunk.push(at)
            elif happens < 0.6:
                trunk.merge(at)
            else:
                environment = rng.choice(environments)
                _deploy(trunk, environment, deployed[environment.id], at)
    return project


def _deploy(trunk: _Trunk, environment: Environment, deployed: list[str], at: datetime) -> None:
    rng = trunk.rng
    chance = rng.random()
    sha = trunk.heads[-1]
    if chance < 0.2 and deployed:
        sha = rng.choice(deployed[-4:])
    elif chance < 0.4:
        sha = rng.choice(trunk.heads[-3:])  # the pipeline of an earlier commit took longer
    status = "failed" if rng.random() < 0.1 else "success"
    by_api = trunk.kind == "api"
    trunk.world.add_deployment(
        environment,
        status=status,
        created_at=at if by_api else at - timedelta(minutes=4),
        finished_at=at,
        sha=sha,
        deployable=not by_api,
    )
    if status == "success":
        deployed.append(sha)
