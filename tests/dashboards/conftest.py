"""An exporter of a simulated company, and the Prometheus that scrapes it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.simulator.generator import generate
from tests.dashboards.grafana import Asker
from tests.process import ANY_PORT, started
from tests.prometheus.server import scraping
from tests.tools import require
from tests.waiting import wait_until

CONFIG = """\
gitlab: {url: "%s", max_requests_per_second: 1000}
groups: [acme]
poll: {interval: 2s, history: 200d}
api: {auth: none}
webhook: {secret: a-secret-of-the-webhook}
"""
SCRAPES = 5


@pytest.fixture(scope="session")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """Grafana's way to a Prometheus with a few scrapes of the whole company."""
    require("prometheus")
    folder: Path = tmp_path_factory.mktemp("dashboards")
    world = World()
    world.features.rate_limit_per_minute = 1_000_000
    world.tokens[DEFAULT_TOKEN].expires_at = world.clock() + timedelta(days=90)
    generate(world, seed=4, days=210)
    with SimulatedGitLab(world) as gitlab:
        (folder / "config.yaml").write_text(CONFIG % gitlab.url)
        with started(
            ["run", *ANY_PORT], folder=folder, environ={"GITLAB_TOKEN": DEFAULT_TOKEN}
        ) as exporter:
            url = exporter.url()
            exporter.wait_until_ready(url)
            with scraping(url.removeprefix("http://"), folder) as prometheus:
                asker = Asker(prometheus.url)
                wait_until(
                    lambda: (
                        prometheus.query(
                            f"count_over_time(gitlab_dora_exporter_up[1m]) >= {SCRAPES}"
                        )
                        != {}
                    )
                )
                yield asker
