import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from exporter.gitlab import Client
from exporter.gitlab.graphql import (
    QUERIES_A_REQUEST,
    UnknownPathError,
    read_details,
)
from exporter.instant import Instant, from_datetime
from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.world import Deployment, Project
from exporter.simulator.world import Environment as Place
from tests.gitlab.clock import NOON
from tests.gitlab.conftest import Clients
from tests.gitlab.server import Answering, Asked, ScriptedServer, Told

BEGIN = NOON - timedelta(days=30)
TO_FINISH = timedelta(minutes=3)


@pytest.fixture
def project(world: World) -> Project:
    return world.add_project("top/app")


def deploy(world: World, place: Place, number: int) -> list[Deployment]:
    """Deploy every minute; the job ends before the deployment finishes."""
    starts = [BEGIN + timedelta(minutes=minute) for minute in range(number)]
    return [
        world.add_deployment(place, created_at=start, finished_at=start + TO_FINISH)
        for start in starts
    ]


def guesses(deployments: list[Deployment]) -> dict[int, Instant]:
    return {one.id: from_datetime(one.created_at) for one in deployments}


def finishes(deployments: list[Deployment]) -> dict[int, Instant]:
    return {one.id: from_datetime(one.created_at + TO_FINISH) for one in deployments}


@pytest.mark.parametrize(("number", "requests"), [(0, 1), (1, 1), (100, 1), (101, 2), (230, 3)])
def test_all_environments_come_with_their_tiers(
    gitlab: SimulatedGitLab, client: Client, project: Project, number: int, requests: int
) -> None:
    for one in range(number):
        gitlab.world.add_environment(project, f"review/{one}", tier="development")
    details = read_details(client, project.path, {})
    assert {one.id: one.tier for one in details.environments or ()} == dict.fromkeys(
        project.environments, "development"
    )
    assert len(gitlab.requests) == requests


@pytest.mark.parametrize(("number", "requests"), [(1, 1), (100, 1), (101, 2), (250, 3)])
def test_all_new_finishes_of_an_environment_are_read(
    gitlab: SimulatedGitLab, client: Client, project: Project, number: int, requests: int
) -> None:
    world = gitlab.world
    made = deploy(world, world.add_environment(project, "production"), number)
    details = read_details(client, project.path, {"production": guesses(made)})
    assert details.finishes == finishes(made)
    assert len(gitlab.requests) == requests


def test_only_as_many_are_read_as_are_new(
    gitlab: SimulatedGitLab, world: World, client: Client, project: Project
) -> None:
    made = deploy(world, world.add_environment(project, "production"), 250)[-5:]
    details = read_details(client, project.path, {"production": guesses(made)})
    assert details.finishes == finishes(made)
    assert len(gitlab.requests) == 1


def test_reading_ends_a_day_behind_what_is_wanted(
    gitlab: SimulatedGitLab, world: World, client: Client, project: Project
) -> None:
    production = world.add_environment(project, "production")
    for hour in range(500):
        world.add_deployment(production, created_at=BEGIN + timedelta(hours=hour))
    gone = {10**6: from_datetime(BEGIN + timedelta(hours=450))}
    assert read_details(client, project.path, {"production": gone}).finishes == {}
    assert len(gitlab.requests) == 2


@pytest.mark.parametrize("number", [19, 20, 45, 100])
def test_many_environments_travel_in_few_requests(
    gitlab: SimulatedGitLab, client: Client, project: Project, number: int
) -> None:
    world = gitlab.world
    places = [world.add_environment(project, f"{'x' * 200}-{one}") for one in range(number)]
    made = {place.name: deploy(world, place, 2) for place in places}
    wanted = {name: guesses(deployments) for name, deployments in made.items()}
    details = read_details(client, project.path, wanted)
    expected = [finishes(deployments) for deployments in made.values()]
    assert details.finishes == {one: at for some in expected for one, at in some.items()}
    assert len(details.environments or ()) == number
    assert len(gitlab.requests) == -(-(number + 1) // QUERIES_A_REQUEST)
    assert {record.status for record in gitlab.requests} == {200}


def test_text_and_number_of_queries_stay_below_the_limits(
    serve: Callable[[Answering], ScriptedServer], clients: Clients
) -> None:
    empty = {"nodes": [], "pageInfo": {"hasNextPage": False}}

    def answer(asked: Asked) -> Told:
        data = {"project": {"environments": empty, "environment": {"deployments": empty}}}
        return Told([{"data": data}] * len(json.loads(asked.body)))

    server = serve(answer)
    wanted: dict[str, dict[int, Instant]] = {f"env-{one}": {one: 0} for one in range(60)}
    read_details(clients(server.url), "top/app", wanted)
    texts = [[query["query"] for query in json.loads(one.body)] for one in server.asked]
    assert [len(some) for some in texts] == [20, 20, 20, 1]
    assert max(len("".join(some)) for some in texts) <= 10_000


def test_queries_are_cheap_enough_for_an_anonymous_caller(
    world: World, client: Client, project: Project
) -> None:
    world.features.max_graphql_complexity = 200
    made = deploy(world, world.add_environment(project, "production"), 150)
    details = read_details(client, project.path, {"production": guesses(made)})
    assert details.environments is not None
    assert details.finishes == finishes(made)


@pytest.mark.parametrize("change", ["deleted", "renamed", "not visible"])
def test_environment_that_is_gone_hides_no_other(
    world: World, client: Client, project: Project, change: str
) -> None:
    production = world.add_environment(project, "production")
    made = deploy(world, production, 3)
    gone = world.add_environment(project, "gone")
    wanted = {"gone": guesses(deploy(world, gone, 3)), "production": guesses(made)}
    if change == "deleted":
        world.delete_environment(gone)
    elif change == "renamed":
        world.rename_environment(gone, "back")
    else:
        wanted["never"] = wanted.pop("gone")
    details = read_details(client, project.path, wanted)
    assert details.finishes == finishes(made)
    assert [one.id for one in details.environments or ()] == list(project.environments)


def test_deployment_that_is_gone_is_left_out(
    world: World, client: Client, project: Project
) -> None:
    made = deploy(world, world.add_environment(project, "production"), 3)
    wanted = guesses(made)
    world.delete_deployment(made.pop(1))
    details = read_details(client, project.path, {"production": wanted})
    assert details.finishes == finishes(made)


def test_failing_query_for_environments_leaves_the_finishes(
    world: World, client: Client, project: Project
) -> None:
    made = deploy(world, world.add_environment(project, "production"), 3)
    world.features.max_graphql_complexity = 12
    details = read_details(client, project.path, {"production": guesses(made)})
    assert details.environments is None
    assert details.finishes == finishes(made)


def test_failing_query_for_finishes_leaves_the_environments(
    world: World, client: Client, project: Project
) -> None:
    made = deploy(world, world.add_environment(project, "production"), 100)
    wanted = guesses(made)
    world.features.graphql_finished_at = False
    details = read_details(client, project.path, {"production": wanted})
    assert [one.name for one in details.environments or ()] == ["production"]
    assert details.finishes == {}


def test_project_that_moved_is_not_known_by_its_old_path(
    world: World, client: Client, project: Project
) -> None:
    world.move_project(project, "top/sub/app")
    with pytest.raises(UnknownPathError):
        read_details(client, "top/app", {})
    details = read_details(client, "top/sub/app", {})
    assert details.environments == []
