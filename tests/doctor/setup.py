"""A set-up in which nothing is wrong, for a catalogue of cases to break."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.records import Environment, Project, Token, User
from exporter.simulator.world import utc_now
from tests.gitlab.server import Answering, ScriptedServer
from tests.webconfig.certificates import LOOPBACK, Authority, write

TOKEN = "glpat-TheDoctorsOwnToken"
REPORTER = 20


@dataclass
class Setup:
    """A world, and a configuration for it, both to be changed before ``serve``.

    ``group/app`` deploys to ``staging`` and ``production``; the token belongs to a Reporter of
    ``group``.
    """

    folder: Path
    stack: ExitStack
    environ: dict[str, str]
    world: World
    user: User
    token: Token
    app: Project
    config: dict[str, Any]
    arguments: list[str] = field(default_factory=list)
    tls: tuple[Path, Path] | None = None
    gitlab: SimulatedGitLab | None = None

    @classmethod
    def healthy(cls, folder: Path, stack: ExitStack, environ: dict[str, str]) -> "Setup":
        """Make one."""
        world = World()
        user = world.add_user("exporter", bot=True)
        token = world.add_token(TOKEN, user=user)
        world.add_member(world.add_group("group"), user, REPORTER)
        app = world.add_project("group/app")
        config = {
            "gitlab": {"token": TOKEN, "max_requests_per_second": 1000},
            "projects": ["group/app"],
        }
        setup = cls(folder, stack, environ, world, user, token, app, config)
        for name in ("staging", "production"):
            setup.deploy_to(app, name)
        return setup

    def serve(self) -> None:
        """Start the simulated GitLab, and write down where, unless that is written already."""
        if "url" in self.config["gitlab"]:
            return
        self.gitlab = SimulatedGitLab(self.world, tls=self.tls).start()
        self.config["gitlab"]["url"] = self.gitlab.url

    def answer(self, answering: Answering) -> ScriptedServer:
        """Put another server in the place of GitLab."""
        server = self.stack.enter_context(ScriptedServer(answering))
        self.config["gitlab"]["url"] = server.url
        return server

    def environment(self, name: str) -> Environment:
        """Return an environment of ``group/app``."""
        found = self.world.find_environment(self.app, name)
        assert found is not None
        return found

    def bare_project(self) -> Project:
        """Put a project in the place of ``group/app`` that has nothing yet."""
        self.world.delete_project(self.app)
        self.app = self.world.add_project("group/app")
        return self.app

    def deploy_to(  # a deployment with all that tests of it choose
        self,
        project: Project,
        name: str,
        *,
        tier: str | None = None,
        number: int = 5,
        status: str = "success",
        linked: bool = True,
        merged: bool = True,
        deployable: bool = True,
        target_branch: str = "main",
        author: str = "ann",
        last: timedelta = timedelta(days=1),
        sha: str | None = None,
    ) -> None:
        """Deploy to an environment, which is made where it is missing, once a day until lately."""
        environment = self.world.find_environment(project, name) or self.world.add_environment(
            project, name, tier=tier
        )
        newest = utc_now() - last
        for days in reversed(range(number)):
            at = newest - timedelta(days=days)
            changes = [self._change(project, at, target_branch, author)] if merged else []
            self.world.add_deployment(
                environment,
                status=status,
                created_at=at,
                deployable=deployable,
                sha=sha,
                merge_requests=changes if linked else (),
            )

    def _change(self, project: Project, deployed: datetime, branch: str, author: str) -> Any:
        at = deployed - timedelta(hours=2)
        return self.world.add_merge_request(
            project, merged_at=at, target_branch=branch, author=author
        )

    def certificate(
        self,
        *names: x509.GeneralName,
        begin: timedelta = -timedelta(days=1),
        lasting: timedelta = timedelta(days=90),
        trusted: bool = True,
    ) -> None:
        """Serve by TLS, with a certificate of an authority that is trusted."""
        authority = Authority("authority")
        issued = authority.issue("gitlab", *(names or LOOPBACK), begin=begin, lasting=lasting)
        self.secure(*issued)
        if trusted:
            self.trust(authority.pem())

    def secure(self, certificate: str, key: str) -> None:
        """Serve by TLS."""
        write(self.folder, "server", certificate, key)
        self.tls = self.folder / "server.crt", self.folder / "server.key"

    def trust(self, text: str) -> None:
        """Name a file of authorities."""
        (self.folder / "ca.crt").write_text(text)
        self.config["gitlab"]["ca_file"] = "ca.crt"


@dataclass(frozen=True)
class Case:
    """A broken set-up, how ``doctor`` names it, and how bad that is."""

    name: str
    code: str
    broken: Callable[[Setup], object]
    mild: bool = False
    also: tuple[str, ...] = ()
    """Words that the line must have."""

    def __str__(self) -> str:
        return self.name
