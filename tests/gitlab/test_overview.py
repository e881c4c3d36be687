from datetime import datetime, timedelta

import pytest

from exporter.dora.facts import Project
from exporter.gitlab import Client
from exporter.gitlab.multiplex import Multiplex
from exporter.gitlab.overview import (
    Overview,
    OverviewEnvironment,
    newest_query,
    overview_query,
    read_newest,
    read_overviews,
)
from exporter.instant import from_datetime
from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.world import Deployment, Environment
from tests.gitlab.clock import NOON

DAY = timedelta(days=1)


@pytest.fixture
def production(world: World) -> Environment:
    return world.add_environment(world.add_project("top/app"), "production", tier="production")


@pytest.fixture
def multiplex(client: Client) -> Multiplex:
    return Multiplex(client)


def facts(environment: Environment) -> Project:
    return Project(environment.project.id, environment.project.path)


def deploy(world: World, environment: Environment, at: datetime) -> Deployment:
    return world.add_deployment(environment, created_at=at - timedelta(hours=1), finished_at=at)


def overviews(multiplex: Multiplex, projects: list[Project]) -> dict[int, Overview]:
    return read_overviews(projects, multiplex.run([overview_query(one) for one in projects]))


def look(multiplex: Multiplex, production: Environment) -> list[OverviewEnvironment]:
    return list(overviews(multiplex, [facts(production)])[production.project.id].environments)


def test_one_request_tells_the_last_success_of_all_environments_of_many_projects(
    world: World, gitlab: SimulatedGitLab, multiplex: Multiplex
) -> None:
    last = {}
    projects = []
    for number in range(50):
        project = world.add_project(f"top/app-{number}")
        projects.append(Project(project.id, project.path))
        for name in ("production", "staging", "review/1"):
            environment = world.add_environment(project, name)
            deploy(world, environment, NOON - DAY)
            last[environment.id] = deploy(world, environment, NOON).id
            world.add_deployment(environment, status="failed", created_at=NOON, finished_at=NOON)
    found = overviews(multiplex, projects)
    assert len(gitlab.requests) == 1
    assert last == {
        one.id: one.last.id if one.last else None
        for overview in found.values()
        for one in overview.environments
    }


def test_only_successes_of_the_history_count(
    world: World, multiplex: Multiplex, production: Environment
) -> None:
    deployment = deploy(world, production, NOON - DAY)
    overview = overviews(multiplex, [facts(production)])[production.project.id]
    assert overview.last_since(from_datetime(NOON - DAY)).keys() == {deployment.id}
    assert overview.last_since(from_datetime(NOON)) == {}


def test_projects_that_it_does_not_tell_whole_are_left_out(
    world: World, multiplex: Multiplex, production: Environment
) -> None:
    for number in range(100):
        world.add_environment(production.project, f"review/{number}")
    few = world.add_environment(world.add_project("top/few"), "production")
    asked = [facts(production), facts(few), Project(4711, "top/few"), Project(4712, "gone")]
    assert overviews(multiplex, asked).keys() == {few.project.id}


def test_a_slow_deployment_that_finishes_last_is_the_last(
    world: World, multiplex: Multiplex, production: Environment
) -> None:
    slow = world.add_deployment(production, status="running", created_at=NOON - DAY)
    deploy(world, production, NOON - timedelta(hours=1))
    world.finish(slow, at=NOON)
    (seen,) = look(multiplex, production)
    assert seen.last is not None
    assert seen.last.id == slow.id


def test_what_finished_since_a_cursor_comes_exact_and_alone(
    world: World, multiplex: Multiplex, production: Environment
) -> None:
    deployments = [deploy(world, production, NOON - number * DAY) for number in range(5)]
    cursor = from_datetime(NOON - 2 * DAY)
    changed = {facts(production): look(multiplex, production)}
    (rows,) = read_newest(multiplex, changed, {production.project.id: cursor}).values()
    assert {(row.id, *row.finish(), row.sha, row.iid) for row in rows} == {
        (one.id, from_datetime(NOON - number * DAY), "deployment", one.sha, one.iid)
        for number, one in enumerate(deployments[:3])
    }


@pytest.mark.parametrize(("number", "told"), [(20, True), (21, False)])
def test_more_than_a_page_is_left_to_rest(
    world: World, multiplex: Multiplex, production: Environment, number: int, told: bool
) -> None:
    for one in range(number):
        deploy(world, production, NOON - timedelta(minutes=one))
    changed = {facts(production): look(multiplex, production)}
    cursors = {production.project.id: from_datetime(NOON - DAY)}
    assert bool(read_newest(multiplex, changed, cursors)) is told


def test_an_environment_that_is_gone_or_another_by_now_is_left_to_rest(
    world: World, multiplex: Multiplex, production: Environment
) -> None:
    deploy(world, production, NOON)
    changed = {facts(production): look(multiplex, production)}
    cursors = {production.project.id: from_datetime(NOON - DAY)}
    world.delete_environment(production)
    assert read_newest(multiplex, changed, cursors) == {}
    deploy(world, world.add_environment(production.project, "production"), NOON)
    assert read_newest(multiplex, changed, cursors) == {}


def test_what_was_told_already_is_not_asked_again(
    world: World, gitlab: SimulatedGitLab, multiplex: Multiplex, production: Environment
) -> None:
    other = world.add_environment(production.project, "staging")
    for one in (production, other):
        deploy(world, one, NOON)
    project = facts(production)
    changed = {project: look(multiplex, production)}
    (data,) = multiplex.run([newest_query(project, "production")])
    cursors = {project.id: from_datetime(NOON - DAY)}
    for told, requests in (
        ({(project.id, "production"): data, (project.id, "staging"): None}, 1),
        ({(project.id, one): data for one in ("production", "staging")}, 0),
    ):
        gitlab.requests.clear()
        found = read_newest(multiplex, changed, cursors, told)
        assert len(gitlab.requests) == requests
    assert found == {}  # the answer is of another environment
