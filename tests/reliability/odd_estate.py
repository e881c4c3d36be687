"""A GitLab of which each project has one oddity that no GitLab has, and an exporter of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from exporter.simulator import Fault, SimulatedGitLab, World
from tests.clock import NOON, FakeClock
from tests.poller.driven_exporter import DrivenExporter, settings_for
from tests.poller.estate import add_app, deploy

COUNTED = 3
"""Deployments of each project that count in 30 days."""

GOOD = "acme/good"

PATHS = {
    "quotes": 'acme/"quo\\"ted"',
    "lines": "acme/two\nlines\r\n",
    "slash": "acme/back\\slash\\n",
    "braces": 'acme/{a="b"} 1 2',
    "nul": "acme/a\0b",
    "surrogate": "acme/a\ud800b",
    "bidi": "acme/\u202egnp\u2028\x85",
    "private": "acme/\U0010ffff\ufffe",
    "markup": "acme/<script>&amp;",
    "empty": "",
    "long": "acme/" + "n" * 5000,
}
"""What a project is called that was called ``acme/...`` before."""

NO_TEXT = {"nul": "acme/a\ufffdb", "surrogate": "acme/a\ufffdb"}
"""How the exporter calls those whose names no database takes."""

NO_PATHS: dict[str, Any] = {
    "mega": "acme/" + "n" * 2**20,
    "list": ["acme/list"],
    "null": None,
    "number": 1e300,
    "truth": True,
}
"""What is no name at all."""

NO_IDS = (2**63, -1, 0, 10**400, 1e300, float("nan"), True, "", "9" * 5000, None, [1], {"id": 1})

OTHER_NAMES: tuple[Any, ...] = (*PATHS.values(), *NO_PATHS.values())
"""Of environments, branches and people."""

NO_TIMES: tuple[Any, ...] = (
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z", "now", ""),
    *(2**70, True, [], {}, "2026-03-01T12:00:00Z\0", "\ud800"),
)


@dataclass
class OddEstate:
    """``swap`` is what GitLab tells in place of what is so; odd only from :meth:`poll` on."""

    world: World
    gitlab: SimulatedGitLab
    exporter: DrivenExporter
    clock: FakeClock
    swap: list[tuple[Any, Any]]

    def poll(self) -> bool:
        """Let GitLab answer oddly, and poll; return whether any project could be read."""
        self.gitlab.faults.clear()
        self.gitlab.faults.add(Fault("odd_values", swap=tuple(self.swap)))
        return self.poll_again()

    def poll_again(self) -> bool:
        """Poll as the one that leads."""
        if self.exporter.service.store.shared:
            self.exporter.service.replica.turn()
        return self.exporter.poll()

    def shown(self) -> dict[int, tuple[str, float]]:
        """Return path and deployments of the projects that are shown, by their ids."""
        found = self.exporter.series("project_recent_deployments", window="30d")
        return {int(labels["project_id"]): (labels["project"], number) for labels, number in found}

    def failing(self) -> set[int]:
        """Return the projects that the exporter says it cannot read."""
        return set(self.exporter.service.status.view().failing)


def _fill(world: World) -> list[tuple[Any, Any]]:
    """Add a project for each oddity; return what is to be swapped."""
    swap: list[tuple[Any, Any]] = []
    _add(world, GOOD, 1)
    for name, odd in (PATHS | NO_PATHS).items():
        _add(world, f"acme/{name}", 1)
        swap.append((f"acme/{name}", odd))
    number = 50_000
    for kind, oddities in (
        ("project", NO_IDS),
        ("environment", NO_IDS),
        ("deployment", NO_IDS),
        ("environment_name", OTHER_NAMES),
        ("branch", OTHER_NAMES),
        ("author", OTHER_NAMES),
        ("finish", NO_TIMES),
    ):
        for odd in oddities:
            number += 100
            _add(world, f"acme/{kind}-{number}", number)
            swap += _swaps(kind, number, odd)
    return swap


def _swaps(kind: str, number: int, odd: Any) -> list[tuple[Any, Any]]:
    usual: Any = {
        "environment_name": f"env-{number}",
        "branch": f"to-{number}",
        "author": f"by-{number}",
    }.get(kind)
    if usual is not None:
        return [(usual, odd)]
    if kind == "finish":
        at = f"{NOON - timedelta(seconds=3600 + number // 100):%Y-%m-%dT%H:%M:%S}"
        return [(at + rest, odd) for rest in ("Z", ".000Z")]
    usual = number + {"project": 0, "environment": 1, "deployment": 2}[kind]
    return [(usual, odd), (f"gid://gitlab/{kind.title()}/{usual}", f"gid://gitlab/Thing/{odd}")]


def _add(world: World, path: str, number: int) -> None:
    known = number > 1
    if known:
        world.add_project(path, id=number, created_at=world.clock())
    ids = {"id": number + 1} if known else {}
    environment = add_app(world, path, f"env-{number}", tier="production", **ids)
    for hours in range(1, COUNTED + 1):
        ids = {"id": number + 2} if known and hours == 1 else {}
        ago = 3600 * hours + number // 100
        change = world.add_merge_request(
            environment.project,
            merged_at=world.clock() - timedelta(seconds=ago + 600),
            target_branch=f"to-{number}",
            author=f"by-{number}",
        )
        deploy(world, environment, ago=ago, merge_requests=[change], **ids)


@contextmanager
def odd_estate(folder: Path, url: str | None, *, graphql: bool) -> Iterator[OddEstate]:
    """Fill a GitLab, and start an exporter that stores in a folder or at a URL."""
    clock = FakeClock()
    world = World(clock)
    world.features.graphql = graphql
    swap = _fill(world)
    with SimulatedGitLab(world) as gitlab:
        database = folder / "dora.db"
        changes = {"store": {"url": url}} if url else {}
        exporter = DrivenExporter(settings_for(gitlab.url, database, changes), clock, database)
        try:
            yield OddEstate(world, gitlab, exporter, clock, swap)
        finally:
            exporter.close()
