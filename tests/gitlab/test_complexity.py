"""Queries as large as the instance allows, and requests as large as it answers in time."""

from datetime import timedelta

import pytest

from exporter.dora.facts import Project
from exporter.gitlab import Client
from exporter.gitlab.capabilities import detect
from exporter.gitlab.complexity import Complexity, measured
from exporter.gitlab.linked import LinkQueries, link_query
from exporter.gitlab.multiplex import MOST, TEXT, Multiplex
from exporter.simulator import SimulatedGitLab, World
from tests.gitlab.clock import NOON

DEPLOYMENTS = 1200
POINTS = 13
"""What the merge requests of one deployment cost."""


@pytest.fixture
def wanted(world: World) -> dict[Project, list[int]]:
    """Deployments of one project with 0, 1 or 2 merge requests."""
    production = world.add_environment(world.add_project("top/app"), "production")
    ids = []
    for number in range(DEPLOYMENTS):
        merged = [
            world.add_merge_request(production.project, merged_at=NOON - timedelta(hours=1))
            for _ in range(number % 3)
        ]
        made = world.add_deployment(
            production, created_at=NOON, finished_at=NOON, merge_requests=merged
        )
        ids.append(made.id)
    return {Project(production.project.id, "top/app"): ids}


def read(client: Client, wanted: dict[Project, list[int]]) -> list[int]:
    """Return how many merge requests each deployment has."""
    asked = LinkQueries(wanted, detect(client).complexity)
    asked.finish(Multiplex(client))
    ((_, ids),) = wanted.items()
    return [len(asked.found[one]) for one in ids]


@pytest.mark.long
@pytest.mark.parametrize(("limit", "deployments"), [(60, 4), (200, 15), (250, 19), (1000, 76)])
def test_the_limit_is_measured_and_used(  # noqa: PLR0917 - pytest names them
    world: World,
    gitlab: SimulatedGitLab,
    client: Client,
    wanted: dict[Project, list[int]],
    limit: int,
    deployments: int,
) -> None:
    world.features.max_graphql_complexity = limit
    assert detect(client).complexity.deployments_a_query == deployments
    gitlab.requests.clear()
    assert read(client, wanted) == [number % 3 for number in range(DEPLOYMENTS)]
    # None is refused, and all but the first few hold nearly as much as fits into their text.
    frame, field = len(link_query([])), len(link_query([1000])) - len(link_query([])) + 1
    together = min(MOST, TEXT * deployments // (frame + deployments * field))
    assert len(gitlab.requests) <= 1.2 * DEPLOYMENTS / together + 1 + 4


@pytest.mark.long
@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("in_time", [20, 50, 100])
def test_time_outs_steer_how_much_is_asked_in_a_request(  # noqa: PLR0917 - pytest names them
    world: World,
    gitlab: SimulatedGitLab,
    client: Client,
    wanted: dict[Project, list[int]],
    in_time: int,
    status: int,
) -> None:
    world.features.graphql_points_in_time = in_time * (POINTS + 1)
    world.features.graphql_late_status = status
    assert read(client, wanted) == [number % 3 for number in range(DEPLOYMENTS)]
    assert len(gitlab.requests) <= 1.5 * DEPLOYMENTS / in_time + 12


def test_a_gitlab_that_answers_nearly_nothing_in_time_is_asked_for_one_at_a_time(
    world: World, client: Client, wanted: dict[Project, list[int]]
) -> None:
    world.features.graphql_points_in_time = 10 * POINTS
    few = {project: ids[:40] for project, ids in wanted.items()}
    assert read(client, few) == [number % 3 for number in range(40)]


def costs(limit: object, *scores: object) -> list[object]:
    return [{"queryComplexity": {"limit": limit, "score": one}} for one in scores]


def test_what_is_not_told_is_taken_for_usual() -> None:
    assert measured([None, None, None]) == Complexity(250, 2, 13)
    assert measured(costs(400, 3, 20, 40)) == Complexity(400, 0, 20)
    assert measured(costs(400, 3, 25, 41)) == Complexity(400, 6, 16)
    assert measured([*costs(400, 3), None, None]) == Complexity(400, 2, 13)
    for odd in ("5", None, True, -1, 0, 2.5):
        assert measured(costs(odd, 3, odd, 41)) == Complexity(250, 2, 13)
    assert measured([{"queryComplexity": None}, [], "text"]) == Complexity(250, 2, 13)


def test_no_limit_is_too_small_for_one() -> None:
    assert Complexity(5).deployments_a_query == 1
