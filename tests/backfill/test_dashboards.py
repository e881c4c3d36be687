"""Day one: the dashboards on a Prometheus that was loaded by backfill, and then scrapes."""

import math
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.simulator.generator import generate
from tests.backfill.test_prometheus import load
from tests.dashboards import promql
from tests.dashboards.conftest import CONFIG
from tests.dashboards.dashboard_files import FILES, Json, queries
from tests.dashboards.dashboard_files import load as load_dashboard
from tests.dashboards.grafana import Asker
from tests.dashboards.reasons import reason_for_nothing
from tests.process import ANY_PORT, run, started
from tests.prometheus.server import scraping
from tests.tools import require
from tests.waiting import wait_until

SCRAPES = 5
DAYS = 60
"""For which the first graph must reach back, of the 90 that it shows."""

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def day_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    """Grafana's way to such a Prometheus; the backfill runs beside the exporter."""
    require("prometheus")
    folder: Path = tmp_path_factory.mktemp("day_one")
    world = World()
    world.features.rate_limit_per_minute = 1_000_000
    world.tokens[DEFAULT_TOKEN].expires_at = world.clock() + timedelta(days=90)
    generate(world, seed=4, days=210)
    environ = {"GITLAB_TOKEN": DEFAULT_TOKEN}
    with SimulatedGitLab(world) as gitlab:
        (folder / "config.yaml").write_text(CONFIG % gitlab.url)
        with started(["run", *ANY_PORT], folder=folder, environ=environ) as exporter:
            url = exporter.url()
            exporter.wait_until_ready(url)
            target = url.removeprefix("http://")
            labels = ["--label", "job=gitlab-dora", "--label", f"instance={target}"]
            done = run("backfill", "--output", "out.om", *labels, folder=folder, environ=environ)
            assert done.returncode == 0, done.stderr
            load(folder / "out.om", folder / "data")
            with scraping(target, folder, retention="100y") as prometheus:
                scraped = f"count_over_time(gitlab_dora_exporter_up[1m]) >= {SCRAPES}"
                wait_until(lambda: prometheus.query(scraped) != {})
                yield Asker(prometheus.url)


@pytest.mark.parametrize(
    "dashboard", [load_dashboard(path) for path in FILES], ids=[path.stem for path in FILES]
)
def test_every_query_draws_data(day_one: Asker, dashboard: Json) -> None:
    now = time.time()
    chosen = day_one.default(dashboard)
    for query in queries(dashboard):
        numbers = day_one.numbers(query, chosen, now)
        assert all(map(math.isfinite, numbers)), query
        filled = promql.fill_in(query.expression, chosen)
        assert numbers or reason_for_nothing(filled, lambda one: day_one.vector(one, now)), query


def test_graphs_show_three_months(day_one: Asker) -> None:
    """Rather than one point at the right."""
    now = time.time()
    reaching = {}
    for path in FILES:
        dashboard = load_dashboard(path)
        chosen = {**day_one.default(dashboard), "window": "7d"}
        for query in queries(dashboard):
            # What the exporter tells of itself is not backfilled.
            of_itself = "gitlab_dora_exporter_" in query.expression
            if not (query.instant or of_itself) and query.step in ("1h", "1d"):
                reaching[str(query)] = len(day_one.numbers(query, chosen, now))
    assert len(reaching) > 8
    assert [one for one, numbers in reaching.items() if numbers < DAYS] == []


def test_scraped_and_backfilled_series_are_one(day_one: Asker) -> None:
    """The same labels, so that a counter goes on where the backfill ended."""
    now = time.time()
    for name in ("project_deployments_total", "group_lead_time_for_changes_seconds"):
        scraped = day_one.vector(f"count(gitlab_dora_{name})", now)
        ever = day_one.vector(f"count(last_over_time(gitlab_dora_{name}[90d]))", now)
        assert scraped
        assert name.startswith("group") or scraped == ever
        joined = f"count(gitlab_dora_{name} and last_over_time(gitlab_dora_{name}[90d] offset 1d))"
        assert day_one.vector(joined, now)[0] > 0.5 * scraped[0]
