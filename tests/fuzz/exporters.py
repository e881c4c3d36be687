"""Exporters over a project whose name and numbers nobody could guess, in this process and outside.

The canaries stand in paths and numbers of a private project: whoever has no role in it must not
find them in any answer of the JSON API.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from exporter.config import Settings
from exporter.service import Service
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World

LEAD_TIME = 3_141_592
"""The private project's lead time in seconds."""

CANARIES = (str(LEAD_TIME), "quokka")

WEBHOOK_SECRET = "secret-of-the-webhook"

_ROOT = Path(__file__).parents[2]
_READY_SECONDS = 60.0


@dataclass(frozen=True)
class Estate:
    """A running GitLab, full paths of what it holds, and tokens by the name of their owner."""

    gitlab: SimulatedGitLab
    paths: tuple[str, ...]
    tokens: Mapping[str, str]

    def settings(self, database: Path, *, auth: str) -> Settings:
        """Return settings that poll everything."""
        return Settings.model_validate(
            {
                "gitlab": {
                    "url": self.gitlab.url,
                    "token": DEFAULT_TOKEN,
                    "max_requests_per_second": 10_000,
                },
                "groups": [{"path": "acme"}, {"path": "outer"}],
                "store": {"url": f"sqlite:///{database}"},
                "api": {"auth": auth},
                "webhook": {"secret": WEBHOOK_SECRET},
            }
        )


@contextmanager
def running_estate() -> Iterator[Estate]:
    """Start a GitLab with a private and a public project, and callers with and without a role."""
    world = World()
    now = datetime.now(UTC).replace(microsecond=0)  # so that the lead time is exact
    private = world.add_project("acme/quokka/app", created_at=now - timedelta(200))
    public = world.add_project("outer/site", visibility="public", created_at=now - timedelta(200))
    world.add_group("outer").visibility = "public"
    for project, lead_time in ((private, LEAD_TIME), (public, 60)):
        production = world.add_environment(project, "production")
        for days in (9, 6, 3):
            moment = now - timedelta(days=days)
            merged = world.add_merge_request(
                project, merged_at=moment - timedelta(seconds=lead_time)
            )
            world.add_deployment(
                production, created_at=moment, finished_at=moment, merge_requests=[merged]
            )
    tokens = {}
    for name, level in (("reader", 20), ("guest", 10), ("stranger", 0), ("blocked", 40)):
        user = world.add_user(name)
        tokens[name] = f"token-of-the-{name}"
        world.add_token(tokens[name], user=user)
        world.add_member(world.add_group("acme"), user, level)
        if name == "blocked":
            user.state = "blocked"
    reporter = world.add_user("reporter-of-another")
    world.add_member(public, reporter, 20)
    tokens["reporter of another"] = "token-of-another"
    world.add_token(tokens["reporter of another"], user=reporter)
    paths = ("acme", "acme/quokka", "acme/quokka/app", "outer", "outer/site", "1", "2", "3")
    with SimulatedGitLab(world) as gitlab:
        yield Estate(gitlab, paths, tokens)


@contextmanager
def polled(estate: Estate, folder: Path, *, auth: str) -> Iterator[Service]:
    """Run an exporter in this process."""
    settings = estate.settings(folder / f"{auth}.db", auth=auth)
    with Service(settings, settings.gitlab.token_source()) as service:
        assert service.poll()
        yield service


@dataclass(frozen=True)
class Process:
    """An exporter that runs by itself, and where it logs to."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def started(estate: Estate, folder: Path, *, auth: str) -> Iterator[Process]:
    """Run an exporter in a process of its own, and wait until it has polled."""
    configuration = folder / f"{auth}.yaml"
    configuration.write_text(
        f"gitlab: {{url: '{estate.gitlab.url}', token: {DEFAULT_TOKEN},"
        " max_requests_per_second: 10000}\n"
        f"groups: [acme, outer]\napi: {{auth: {auth}}}\nwebhook: {{secret: {WEBHOOK_SECRET}}}\n"
        f"store: {{url: 'sqlite:///{folder}/process-{auth}.db'}}\n"
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / f"{auth}.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "exporter", "run", "--config.file", str(configuration)),
                *("--web.listen-address", f"127.0.0.1:{port}", "--log.level", "debug"),
            ],
            cwd=_ROOT,
            stderr=stderr,
        )
    running = Process(port, log)
    try:
        _wait_until_ready(running, process)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(running: Process, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if requests.get(f"{running.url}/-/ready", timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"not ready: {running.log.read_text()[-2000:]}")
