"""How many requests polls cost, counted by the simulated GitLab."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.generator import bulk, generate
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, add_app, deploy

HISTORY = timedelta(days=30)
DAY = 24 * HOUR

Fill = Callable[[World, datetime], None]


def company(seed: int) -> Fill:
    """A believable company, part of whose history lies before what is polled."""

    def fill(world: World, end: datetime) -> None:
        generate(world, seed=seed, days=30, end=end)

    return fill


def alike(projects: int, deployments: int, days: int, *, ended: int = 0) -> Fill:
    """Many alike projects, in which nothing was deployed for the last ``ended`` days."""

    def fill(world: World, end: datetime) -> None:
        bulk(
            world,
            seed=1,
            projects=projects,
            deployments_per_project=deployments,
            days=days,
            end=end - timedelta(days=ended),
        )

    return fill


def empty(world: World, _: datetime) -> None:
    """Projects without a deployment."""
    for number in range(5):
        world.add_project(f"acme/empty-{number}")


ESTATES: dict[str, Fill] = {
    "company_1": company(1),
    "company_2": company(2),
    "many_projects": alike(25, 4, 25),
    "over_a_page_each": alike(2, 130, 25),
    "mostly_before_the_history": alike(3, 240, 400),
    "all_before_the_history": alike(3, 20, 20, ended=60),
    "no_deployment": empty,
}

EXPIRY = 1
"""Once a day, and after a restart, GitLab is asked when the token expires."""

LARGE = {"many_projects", "company_2"}


def in_history(world: World, clock: FakeClock) -> int:
    """Return how many successful deployments lie in the polled history."""
    begin = (clock() - HISTORY).replace(hour=0, minute=0, second=0, microsecond=0)
    return sum(
        one.status == "success" and one.finished_at is not None and one.finished_at >= begin
        for one in world.deployments.values()
    )


def first_poll_bound(projects: int, deployments: int) -> int:
    """The most requests a first poll may take, discovery and GraphQL's detection included."""
    return 2 * projects + -(-deployments // 100) + deployments + 20


def cost(gitlab: SimulatedGitLab, exporter: DrivenExporter) -> int:
    """Poll, and return how many requests that took."""
    gitlab.requests.clear()
    assert exporter.poll()
    return len(gitlab.requests)


@pytest.fixture
def begin(world: World, start: StartExporter) -> Callable[[], DrivenExporter]:
    """Start an exporter; a second one restarts on the same store."""

    def begin_one() -> DrivenExporter:
        roots = sorted({one.path.partition("/")[0] for one in world.projects.values()})
        groups = [{"path": root, "archived": True} for root in roots]
        return start(groups=groups, poll={"history": "30d"})

    return begin_one


@pytest.mark.parametrize("graphql", [True, False], ids=["graphql", "rest"])
@pytest.mark.parametrize(
    "fill",
    [
        pytest.param(fill, marks=pytest.mark.long if name in LARGE else (), id=name)
        for name, fill in ESTATES.items()
    ],
)
def test_polls_keep_to_their_budget(  # noqa: PLR0917 - pytest names them
    world: World,
    gitlab: SimulatedGitLab,
    begin: Callable[[], DrivenExporter],
    clock: FakeClock,
    fill: Fill,
    graphql: bool,
) -> None:
    world.features.graphql = graphql
    fill(world, clock.ago(minutes=30))
    exporter = begin()
    projects, deployments = len(world.projects), in_history(world, clock)
    assert cost(gitlab, exporter) <= first_poll_bound(projects, deployments)

    for wait in (timedelta(), timedelta(minutes=5), timedelta(minutes=50)):
        clock.advance(seconds=wait.total_seconds())
        assert cost(gitlab, exporter) <= projects + 2

    exporter.close()
    exporter = begin()
    assert cost(gitlab, exporter) <= projects + 2 + EXPIRY

    clock.advance(days=20)
    exporter.service.discover()
    assert cost(gitlab, exporter) <= projects + 2 + EXPIRY


@pytest.mark.long
@pytest.mark.parametrize("graphql", [True, False], ids=["graphql", "rest"])
@pytest.mark.parametrize("seed", range(3, 13))
def test_first_polls_of_many_companies_keep_to_their_budget(  # noqa: PLR0917 - pytest names them
    world: World,
    gitlab: SimulatedGitLab,
    begin: Callable[[], DrivenExporter],
    clock: FakeClock,
    seed: int,
    graphql: bool,
) -> None:
    world.features.graphql = graphql
    company(seed)(world, clock.ago(minutes=30))
    bound = first_poll_bound(len(world.projects), in_history(world, clock))
    assert cost(gitlab, begin()) <= bound


@pytest.mark.parametrize("graphql", [True, False], ids=["graphql", "rest"])
def test_environments_older_than_the_history_cost_one_request_more_each(
    world: World,
    gitlab: SimulatedGitLab,
    begin: Callable[[], DrivenExporter],
    clock: FakeClock,
    graphql: bool,
) -> None:
    world.features.graphql = graphql
    founded = clock.ago(days=500)
    project = world.add_project("acme/app", created_at=founded)
    names = ("production", *(f"production/{number}" for number in range(30)))
    first, *others = [world.add_environment(project, one, created_at=founded) for one in names]
    for number in range(100):
        deploy(world, first, ago=(400 - number) * DAY)
    for environment in others:
        deploy(world, environment, ago=200 * DAY)
        deploy(world, environment, HOUR, ago=10 * HOUR)
    exporter = begin()
    bound = first_poll_bound(1, in_history(world, clock))
    assert cost(gitlab, exporter) <= bound + len(others)
    assert exporter.merge_requests("acme/app", "7d") == len(others)
    clock.advance(minutes=5)
    assert cost(gitlab, exporter) <= 3


@pytest.mark.parametrize("new", [1, 7])
def test_a_poll_with_something_new_asks_about_the_new_only(
    world: World,
    gitlab: SimulatedGitLab,
    begin: Callable[[], DrivenExporter],
    clock: FakeClock,
    new: int,
) -> None:
    productions = [add_app(world, f"acme/app-{number}") for number in range(10)]
    for production in productions:
        deploy(world, production, HOUR, ago=DAY / 2)
    exporter = begin()
    exporter.poll()
    clock.advance(minutes=30)
    for number in range(new):
        deploy(world, productions[number % 3], HOUR, ago=600 + number)
    changed = min(new, 3)
    assert cost(gitlab, exporter) <= len(productions) + changed + new + 1
    assert exporter.group_recent("acme", "1d") == new + 10


def test_a_poll_with_something_fresh_asks_for_its_links_once(
    world: World, gitlab: SimulatedGitLab, begin: Callable[[], DrivenExporter], clock: FakeClock
) -> None:
    production = add_app(world)
    exporter = begin()
    exporter.poll()
    deploy(world, production, HOUR)
    clock.advance(seconds=30)
    costs = []
    for _ in range(10):
        costs.append(cost(gitlab, exporter))
        clock.advance(seconds=61)
    links = 1
    assert sum(costs) <= 10 * (1 + 1) + 1 + links
    assert costs[-1] <= 3


def test_a_discovery_costs_its_pages_and_the_environments_of_each_project(
    world: World, gitlab: SimulatedGitLab, begin: Callable[[], DrivenExporter], clock: FakeClock
) -> None:
    alike(105, 1, 20)(world, clock.ago(minutes=30))
    exporter = begin()
    exporter.poll()
    clock.advance(hours=1)
    gitlab.requests.clear()
    exporter.service.discover()
    # The group, two pages of its projects, one of its subgroups.
    assert len(gitlab.requests) <= 1 + 2 + 1 + 105
