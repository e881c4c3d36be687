"""A simulated GitLab with something of every visibility, polled once by an exporter."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Event
from typing import Literal

import httpx2
from starlette.applications import Starlette
from starlette.testclient import TestClient

from exporter.api import Access, DoraApi, GitLabAccess
from exporter.clock import SystemClock
from exporter.config import Settings
from exporter.gitlab import Budget, Callers
from exporter.service import Service
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.simulator.world import Group, Project, Token, User
from exporter.web.app import create_app

EVERYBODY = ("public", "internal")
"""Visibilities that show a project or group to whoever is signed in."""

COUNTS = {"acme/team/app": 7, "acme/team/sibling": 5, "inner/tool": 11, "outer/site": 13}
"""Successful deployments of each project in the last days."""


class HeldClock(SystemClock):
    """The machine's clock, but for the seconds that verdicts are kept: these pass by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


class _BriefWaits(SystemClock):
    """Fails where a caller would be made to wait for GitLab's limit."""

    def wait(self, stop: Event, seconds: float) -> bool:
        assert seconds < 5
        return super().wait(stop, seconds)


@dataclass(frozen=True)
class Target:
    """A project or group that is asked about, and the answer for those who may have it."""

    kind: Literal["project", "group"]
    thing: Project | Group
    parent: Group | None
    answer: int

    @property
    def id(self) -> int:
        return self.thing.id

    @property
    def path(self) -> str:
        return self.thing.path

    def __str__(self) -> str:
        return f"{self.thing.visibility} {self.kind} {self.path}"


@dataclass
class Estate:
    """The instance, and the exporter that polled it."""

    world: World
    gitlab: SimulatedGitLab
    service: Service
    store: Path
    targets: dict[str, Target]
    _numbers: Iterator[int] = field(default_factory=count)

    def user(self, *, bot: bool = False, admin: bool = False) -> tuple[User, Token]:
        """Create an account without any role, and a token of it."""
        number = next(self._numbers)
        user = self.world.add_user(f"caller-{number}", bot=bot)
        # Not in the shape of GitLab's tokens, which the log would redact by their looks.
        return user, self.world.add_token(
            f"Secret{number}Of{user.username}", user=user, admin=admin
        )

    def group(self) -> Group:
        """Create a group that can be invited."""
        return self.world.add_group(f"invited-{next(self._numbers)}")

    def access(self, clock: HeldClock, *, timeout: float = 10.0) -> GitLabAccess:
        """Return an access of its own, without any verdict yet."""
        return access_to(self.gitlab.url, clock, self.service, timeout=timeout)

    @contextmanager
    def client(self, access: Access) -> Iterator[TestClient]:
        """Ask the exporter's pages, whose access to GitLab is this."""
        with TestClient(app_over(self.service, access), raise_server_exceptions=False) as client:
            yield client


def access_to(
    url: str, clock: HeldClock, service: Service, *, timeout: float = 10.0
) -> GitLabAccess:
    """Return an access that asks the GitLab at ``url``."""
    callers = Callers(
        url,
        budget=Budget(_BriefWaits(), Event(), requests_per_second=10_000),
        observer=service.status.request,
        ssl_verify=True,
        timeout=timeout,
    )
    return GitLabAccess(callers, clock)


def app_over(service: Service, access: Access) -> Starlette:
    """Return the pages of a service with another access."""
    api = DoraApi.over(
        lambda: service.view, service.settings, service.clock, access, service.store.provenance
    )
    return create_app(service.settings, service.exposition, api)


def settings_for(url: str, database: Path, *, auth: str = "gitlab") -> Settings:
    """Return settings that poll everything of the estate but the rival's."""
    return Settings.model_validate(
        {
            "gitlab": {"url": url, "token": DEFAULT_TOKEN, "max_requests_per_second": 10_000},
            "groups": [{"path": path} for path in ("acme", "inner", "outer")],
            "store": {"url": f"sqlite:///{database}"},
            "api": {"auth": auth},
        }
    )


def build_world() -> World:
    """Return an instance with private, internal and public groups and projects."""
    world = World()
    now = datetime.now(UTC)
    for path, visibility in (("acme", "private"), ("inner", "internal"), ("outer", "public")):
        world.add_group(path).visibility = visibility
    for path, deployments in {**COUNTS, "rival/other": 3}.items():
        visibility = world.add_group(path.partition("/")[0]).visibility
        project = world.add_project(path, visibility=visibility, created_at=now - timedelta(9))
        production = world.add_environment(project, "production")
        for number in range(deployments):
            moment = now - timedelta(days=2, minutes=number)
            world.add_deployment(production, created_at=moment, finished_at=moment)
    return world


def build_targets(world: World) -> dict[str, Target]:
    """Return what is asked about, by full path."""

    def project(path: str) -> Target:
        found = world.find_project(path)
        assert found is not None
        return Target("project", found, found.namespace, COUNTS[path])

    def group(path: str) -> Target:
        found = world.find_group(path)
        assert found is not None
        below = (number for name, number in COUNTS.items() if name.startswith(f"{path}/"))
        return Target("group", found, found.parent, sum(below))

    targets = [
        *map(project, ("acme/team/app", "inner/tool", "outer/site")),
        *map(group, ("acme", "acme/team", "inner", "outer")),
    ]
    return {target.path: target for target in targets}


@contextmanager
def polled_estate(folder: Path, *, auth: str = "gitlab") -> Iterator[Estate]:
    """Start the instance, poll it once, and end both at the end."""
    world = build_world()
    store = folder / "dora.db"
    with SimulatedGitLab(world) as gitlab:
        settings = settings_for(gitlab.url, store, auth=auth)
        with Service(settings, settings.gitlab.token_source()) as service:
            assert service.poll()
            gitlab.requests.clear()
            yield Estate(world, gitlab, service, store, build_targets(world))


def question() -> dict[str, str]:
    """Return parameters whose answer is the number of deployments in the last days."""
    today = SystemClock().now()
    day = datetime.fromtimestamp(today / 1_000_000, UTC).date()
    return {
        "metric": "deployment_frequency",
        "interval": "all",
        "start_date": str(day - timedelta(days=6)),
    }


def ask(
    client: TestClient, target: Target, token: str | None, *, bearer: bool = False
) -> httpx2.Response:
    """Ask for the number of a project or group by its id."""
    headers = {}
    if token is not None:
        headers = {"Authorization": f"Bearer {token}"} if bearer else {"PRIVATE-TOKEN": token}
    path = f"/api/v4/{target.kind}s/{target.id}/dora/metrics"
    return client.get(path, params=question(), headers=headers)
