"""GitLab, the exporter, Prometheus and Alertmanager in a row: slower changes become an alert."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.simulator.world import Project, utc_now
from tests.process import ANY_PORT, started
from tests.prometheus.server import Prometheus
from tests.rules.alerting import Alertmanager, alertmanager, prometheus
from tests.rules.rule_files import FILES, without_patience
from tests.tools import require
from tests.waiting import wait_until

pytestmark = pytest.mark.long

CONFIG = """\
gitlab: {url: "%s", max_requests_per_second: 1000}
groups: [acme, other]
poll: {interval: 1s, history: 30d}
windows: [7d]
api: {auth: none}
"""
REGRESSION = "GitLabDoraProjectLeadTimeRegression"
LEAD_TIME = "gitlab_dora_project_lead_time_for_changes_seconds"


@dataclass(frozen=True)
class Chain:
    """What runs, from end to end."""

    world: World
    prometheus: Prometheus
    alertmanager: Alertmanager

    def scrapes(self) -> float:
        """Return how often the exporter was scraped; the rules are evaluated as often."""
        counted = self.prometheus.query("sum(count_over_time(gitlab_dora_exporter_up[1h]))")
        return sum(counted.values())

    def told(self, alert: str) -> set[str]:
        """Return the projects, or else groups, that Alertmanager was told of."""
        return {
            one["labels"].get("project", one["labels"].get("group", ""))
            for one in self.alertmanager.alerts()
            if one["labels"]["alertname"] == alert
        }


def deploy(world: World, project: Project, *, number: int, days_ago: float, hours: float) -> None:
    """Deploy merge requests to production, one by one, each so long after its merge."""
    (environment,) = project.environments.values()
    for one in range(number):
        at = utc_now() - timedelta(days=days_ago, minutes=one)
        merged = world.add_merge_request(project, merged_at=at - timedelta(hours=hours))
        world.add_deployment(
            environment, created_at=at, updated_at=utc_now(), merge_requests=[merged]
        )


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Three projects whose changes took ten hours last week, and still do."""
    require("prometheus")
    require("prometheus-alertmanager")
    folder: Path = tmp_path_factory.mktemp("alerting")
    rules = [folder / path.name for path in FILES]
    for path, copy in zip(FILES, rules, strict=True):
        copy.write_text(without_patience(path.read_text()))
    world = World()
    world.features.rate_limit_per_minute = 1_000_000
    for name, number in (("acme/slow", 12), ("other/few", 2), ("other/steady", 12)):
        project = world.add_project(name)
        world.add_environment(project, "production")
        deploy(world, project, number=1, days_ago=20, hours=10)  # an environment's first counts not
        deploy(world, project, number=number, days_ago=10, hours=10)
        deploy(world, project, number=1, days_ago=2, hours=10)
    with SimulatedGitLab(world) as gitlab, alertmanager(folder) as receiver:
        (folder / "config.yaml").write_text(CONFIG % gitlab.url)
        environ = {"GITLAB_TOKEN": DEFAULT_TOKEN}
        with started(["run", *ANY_PORT], folder=folder, environ=environ) as exporter:
            url = exporter.url()
            exporter.wait_until_ready(url)
            target = url.removeprefix("http://")
            with prometheus(target, receiver, rules, folder) as server:
                wait_until(lambda: len(server.query(LEAD_TIME)) > 0)
                yield Chain(world, server, receiver)


def test_a_lead_time_that_doubles_reaches_alertmanager_and_others_do_not(chain: Chain) -> None:
    before = chain.scrapes()
    wait_until(lambda: chain.scrapes() > before + 3)
    assert chain.told(REGRESSION) == set()
    projects = {project.path: project for project in chain.world.projects.values()}
    with chain.world.lock:
        deploy(chain.world, projects["acme/slow"], number=11, days_ago=0.1, hours=20)
        deploy(chain.world, projects["other/few"], number=1, days_ago=0.1, hours=30)
        deploy(chain.world, projects["other/steady"], number=11, days_ago=0.1, hours=10)
    doubled = f'{LEAD_TIME}{{percentile="50"}} > 19 * 3600'
    wait_until(lambda: len(chain.prometheus.query(doubled)) == 2, seconds=30)
    wait_until(lambda: chain.told(REGRESSION) != set())
    assert chain.told(REGRESSION) == {"acme/slow"}
    wait_until(lambda: chain.told("GitLabDoraGroupLeadTimeRegression") == {"acme"})
    (alert,) = (
        one for one in chain.alertmanager.alerts() if one["labels"]["alertname"] == REGRESSION
    )
    assert alert["labels"]["severity"] == "warning"
    assert (alert["labels"]["window"], alert["labels"]["percentile"]) == ("7d", "50")
    assert "acme/slow deployed to production" in alert["annotations"]["description"]
    assert "1.5 times the median of the 7d before" in alert["annotations"]["description"]
    # One deployment in the week was a collapse, until now: told as resolved a little later.
    wait_until(
        lambda: (
            {one["labels"]["alertname"] for one in chain.alertmanager.alerts()}
            == {REGRESSION, "GitLabDoraGroupLeadTimeRegression"}
        )
    )
