"""A real Prometheus scrapes the running exporter and answers PromQL over what it read."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.metrics.catalogue import BUILD_INFO, EVERY, GROUP, PROJECT, Family
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.simulator.world import utc_now
from tests.process import ANY_PORT, Running, started
from tests.prometheus.server import Labels, Prometheus, scraping
from tests.waiting import wait_until

CONFIG = """\
gitlab: {url: "%s", max_requests_per_second: 1000}
groups: [acme]
poll: {interval: 1h}
windows: [1d, 7d, 30d]
api: {auth: none}
"""
PATHS = ("acme/shop/app", "acme/shop/web", "acme/lib", "acme/platform/edge/api")
DORA = [*PROJECT.all(), *GROUP.all()]


@dataclass(frozen=True)
class Scraped:
    """An exporter that polls no more for now, and the Prometheus that scrapes it."""

    exporter: Running
    url: str
    prometheus: Prometheus

    def exposition(self) -> dict[str, dict[Labels, float]]:
        """Return every sample that a scrape reads now, by name and labels."""
        samples: dict[str, dict[Labels, float]] = defaultdict(dict)
        for family in text_string_to_metric_families(self.exporter.get(f"{self.url}/metrics").text):
            for sample in family.samples:
                samples[sample.name][frozenset(sample.labels.items())] = sample.value
        return samples

    def ask(self, expression: str) -> dict[Labels, float]:
        """Return a vector without the labels that Prometheus gives every target."""
        target = {("job", "gitlab-dora"), ("instance", self.url.removeprefix("http://"))}
        return {labels - target: one for labels, one in self.prometheus.query(expression).items()}


@pytest.fixture(scope="module")
def world() -> World:
    """Four projects in nested groups, each deployed to two tiers for a month and a half."""
    world, rng = World(), Random(11)
    for path in PATHS:
        project = world.add_project(path)
        for name in ("production", "staging"):
            environment = world.add_environment(project, name)
            for age in sorted(rng.uniform(0.1, 45) for _ in range(12)):
                at = utc_now() - timedelta(days=45 - age)
                merged = [
                    world.add_merge_request(project, merged_at=at - timedelta(hours=hours))
                    for hours in (rng.uniform(0, 200), rng.uniform(0, 20))
                ]
                world.add_deployment(environment, created_at=at, merge_requests=merged)
    return world


@pytest.fixture(scope="module")
def scraped(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """The exporter after its first poll, scraped at least once since."""
    folder = tmp_path_factory.mktemp("scraped")
    with SimulatedGitLab(world) as gitlab:
        (folder / "config.yaml").write_text(CONFIG % gitlab.url)
        environ = {"GITLAB_TOKEN": DEFAULT_TOKEN}
        with started(ANY_PORT, folder=folder, environ=environ) as running:
            url = running.url()
            running.wait_until_ready(url)
            with scraping(url.removeprefix("http://"), folder) as prometheus:
                wait_until(lambda: bool(prometheus.query("gitlab_dora_exporter_up == 1")))
                yield Scraped(running, url, prometheus)


def test_the_target_is_up_and_nothing_is_complained_about(scraped: Scraped) -> None:
    target = scraped.prometheus.target()
    assert (target["health"], target["lastError"]) == ("up", "")
    assert scraped.ask("up") == {frozenset(): 1.0}
    read = sum(len(samples) for samples in scraped.exposition().values())
    assert scraped.ask("scrape_samples_post_metric_relabeling") == {frozenset(): read}


@pytest.mark.parametrize("family", DORA, ids=lambda family: family.name)
def test_every_family_has_the_values_of_the_exposition(scraped: Scraped, family: Family) -> None:
    """Every series, every label, every digit."""
    shown = scraped.exposition()[family.name]
    assert len(shown) > 0
    assert {name for labels in shown for name, _ in labels} == set(family.labels)
    assert scraped.ask(family.name) == shown


@pytest.mark.parametrize("family", EVERY, ids=lambda family: family.name)
def test_prometheus_knows_kind_and_help(scraped: Scraped, family: Family) -> None:
    """It reads OpenMetrics, whose counters are named without their end."""
    name = family.name.removesuffix("_total")
    assert scraped.prometheus.metadata()[name] == (family.kind, family.help)


def test_the_exporter_tells_how_it_is(scraped: Scraped) -> None:
    assert scraped.ask("gitlab_dora_exporter_up") == {frozenset(): 1}
    assert scraped.ask("gitlab_dora_exporter_stale_projects") == {frozenset(): 0}
    (info,) = scraped.ask(BUILD_INFO.name).items()
    assert (info[1], {name for name, _ in info[0]}) == (1, {"version", "python_version"})
    assert scraped.ask('sum(gitlab_dora_exporter_gitlab_requests_total{code!="200"})') == {}
    assert scraped.ask("sum(gitlab_dora_exporter_project_poll_errors_total)") == {frozenset(): 0}
    age = "time() - gitlab_dora_exporter_last_poll_success_timestamp_seconds"
    (seconds,) = scraped.ask(age).values()
    assert 0 < seconds < 600


def test_projects_sum_to_their_groups(scraped: Scraped) -> None:
    """Each group of the lowest level is the sum of its projects; so is the top level of all."""
    for total in ("recent_deployments", "lead_time_for_changes_merge_requests"):
        by_window = f"sum by (environment_tier, window) (gitlab_dora_project_{total})"
        top = f'sum by (environment_tier, window) (gitlab_dora_group_{total}{{level="0"}})'
        assert len(scraped.ask(by_window)) == 6
        assert scraped.ask(by_window) == scraped.ask(top)
        by_group = f"sum by (group, window, environment_tier) (gitlab_dora_project_{total})"
        shop = {labels: one for labels, one in scraped.ask(by_group).items() if in_shop(labels)}
        same = f'sum by (group, window, environment_tier) (gitlab_dora_group_{total}{{level="1"}})'
        assert len(shop) == 6
        assert shop == {labels: one for labels, one in scraped.ask(same).items() if in_shop(labels)}


def in_shop(labels: Labels) -> bool:
    """Whether these are the labels of one group of the second level."""
    return ("group", "acme/shop") in labels


def test_frequency_is_deployments_per_day(scraped: Scraped) -> None:
    for window, length in (("1d", 1), ("7d", 7), ("30d", 30)):
        chosen = f'{{window="{window}"}}'
        frequency = scraped.ask(f"gitlab_dora_project_deployment_frequency{chosen} * {length}")
        recent = scraped.ask(f"gitlab_dora_project_recent_deployments{chosen}")
        assert frequency == pytest.approx(recent)
        assert len(frequency) == 8


def test_a_trend_needs_no_history_of_prometheus(scraped: Scraped) -> None:
    """The window and the one before share all labels, so they can be compared as they are."""
    name = "gitlab_dora_group_{}lead_time_for_changes_seconds"
    trend = scraped.ask(f"{name.format('')} / {name.format('previous_')}")
    both = set(scraped.exposition()[name.format("")]) & set(
        scraped.exposition()[name.format("previous_")]
    )
    assert set(trend) == both
    assert len(both) > 0


def test_percentiles_are_in_order(scraped: Scraped) -> None:
    name = "gitlab_dora_project_lead_time_for_changes_seconds"
    wrong = f'{name}{{percentile="50"}} > ignoring(percentile) {name}{{percentile="95"}}'
    assert scraped.ask(wrong) == {}
    right = f'{name}{{percentile="50"}} <= ignoring(percentile) {name}{{percentile="95"}}'
    assert len(scraped.ask(right)) == len(scraped.exposition()[name]) / 3
