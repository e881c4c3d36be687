from datetime import timedelta

import pytest

from exporter.dora.facts import MergeRequest, Project
from exporter.gitlab import Client
from exporter.gitlab.linked import LinkQueries
from exporter.gitlab.multiplex import Multiplex
from exporter.instant import from_datetime
from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.world import Deployment, Environment
from tests.gitlab.clock import NOON

HOUR = timedelta(hours=1)


def add_environment(world: World, path: str) -> Environment:
    return world.add_environment(world.add_project(path), "production")


def deploy(world: World, environment: Environment, number: int) -> Deployment:
    """Deploy with so many merge requests."""
    merged = [
        world.add_merge_request(environment.project, merged_at=NOON - one * HOUR)
        for one in range(number)
    ]
    return world.add_deployment(
        environment, created_at=NOON, finished_at=NOON, merge_requests=merged
    )


def read_linked(
    multiplex: Multiplex, wanted: dict[Project, list[int]]
) -> dict[int, list[MergeRequest]]:
    asked = LinkQueries(wanted)
    asked.finish(multiplex)
    return asked.found


def asked_for(*deployments: Deployment) -> dict[Project, list[int]]:
    wanted: dict[Project, list[int]] = {}
    for one in deployments:
        project = one.environment.project
        wanted.setdefault(Project(project.id, project.path), []).append(one.id)
    return wanted


def test_one_request_brings_the_merge_requests_of_many_deployments_of_many_projects(
    world: World, gitlab: SimulatedGitLab, client: Client
) -> None:
    environments = [add_environment(world, f"top/app-{number}") for number in range(20)]
    deployments = [deploy(world, one, number) for one in environments for number in (0, 1, 2)]
    found = read_linked(Multiplex(client), asked_for(*deployments))
    assert len(gitlab.requests) == 1
    assert {one.id: len(found[one.id]) for one in deployments} == {
        one.id: len(one.merge_requests) for one in deployments
    }


def test_merge_requests_are_those_of_rest(world: World, client: Client) -> None:
    deployment = deploy(world, add_environment(world, "top/app"), 3)
    found = read_linked(Multiplex(client), asked_for(deployment))
    assert sorted(found[deployment.id], key=lambda one: one.iid) == [
        MergeRequest(one.iid, from_datetime(NOON - number * HOUR), one.target_branch, one.author)
        for number, one in enumerate(deployment.merge_requests)
    ]


def test_deployments_with_many_merge_requests_are_left_to_rest(
    world: World, client: Client
) -> None:
    production = add_environment(world, "top/app")
    few, many = deploy(world, production, 20), deploy(world, production, 21)
    assert read_linked(Multiplex(client), asked_for(few, many)).keys() == {few.id}


@pytest.mark.parametrize(("limit", "known"), [(250, 40), (60, 40), (15, 40), (14, 0)])
def test_a_gitlab_that_allows_less_is_asked_for_less_at_a_time(
    world: World, client: Client, limit: int, known: int
) -> None:
    world.features.max_graphql_complexity = limit
    production = add_environment(world, "top/app")
    deployments = [deploy(world, production, 1) for _ in range(40)]
    assert len(read_linked(Multiplex(client), asked_for(*deployments))) == known


def test_another_project_under_the_same_path_tells_nothing(world: World, client: Client) -> None:
    deployment = deploy(world, add_environment(world, "top/app"), 1)
    moved = {Project(4711, "top/app"): [deployment.id], Project(4712, "gone"): [deployment.id]}
    assert read_linked(Multiplex(client), moved) == {}
