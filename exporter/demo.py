"""The demo: a simulated GitLab on the loopback interface, filled, polled and served.

It needs nothing: no token, no configuration, no GitLab. Now and then something is deployed there.
"""

import logging
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

from exporter.config import Settings
from exporter.front.messages import LOOPBACK
from exporter.service import Service
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.simulator.generator import generate, live

log = logging.getLogger(__name__)

SEED = 1
DAYS = 210
"""Days of history, enough for a trailing window of 90 days and the one before it."""

_NEWS_SECONDS = 45.0

_RATE_LIMIT = 20_000
"""Requests a minute: more than the demo spends, so that it only shows what is left."""


@contextmanager
def demo_service() -> Iterator[Service]:
    """Start a simulated GitLab; yield an exporter for it that is not started yet."""
    world = World()
    generate(world, seed=SEED, days=DAYS)
    world.features.rate_limit_per_minute = _RATE_LIMIT
    world.tokens[DEFAULT_TOKEN].expires_at = world.clock() + timedelta(days=DAYS)
    ended = Event()
    with (
        _without_proxies(),
        tempfile.TemporaryDirectory(prefix="gitlab-dora-demo-") as folder,
        SimulatedGitLab(world) as gitlab,
    ):
        news = Thread(target=_keep_alive, args=(world, ended), name="demo-news", daemon=True)
        news.start()
        settings = demo_settings(gitlab.url, Path(folder) / "demo.db")
        service = Service(settings, settings.gitlab.token_source())
        try:
            yield service
        finally:
            ended.set()
            news.join()
            service.close()


@contextmanager
def _without_proxies() -> Iterator[None]:
    """Ask the simulated GitLab directly: proxies of the surroundings do not reach it."""
    before = os.environ.get("no_proxy")
    os.environ["no_proxy"] = LOOPBACK
    try:
        yield
    finally:
        if before is None:
            del os.environ["no_proxy"]
        else:
            os.environ["no_proxy"] = before


def demo_settings(url: str, database: Path) -> Settings:
    """Return the settings of the demo: the group ``acme`` of a simulated GitLab at ``url``."""
    return Settings.model_validate(
        {
            "gitlab": {"url": url, "token": DEFAULT_TOKEN, "max_requests_per_second": 1000},
            "groups": [{"path": "acme"}],
            "poll": {"interval": "15s", "discovery_interval": "1m", "history": "200d"},
            "store": {"url": f"sqlite:///{database}"},
            "api": {"auth": "none"},
        }
    )


def _keep_alive(world: World, ended: Event) -> None:
    rng = random.Random(SEED)  # noqa: S311 - seeded on purpose
    while not ended.wait(_NEWS_SECONDS):
        live(world, rng=rng)
