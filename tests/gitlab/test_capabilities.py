from collections.abc import Callable

import pytest

from exporter.gitlab import Client, RefusedError
from exporter.gitlab.capabilities import Abilities, detect
from exporter.gitlab.errors import TransientError
from exporter.simulator import Fault, SimulatedGitLab, World
from tests.gitlab.conftest import Clients
from tests.gitlab.server import Answering, ScriptedServer, Told


def test_recent_gitlab_has_exact_finishes(client: Client) -> None:
    assert detect(client) == Abilities(finishes=True, overview=True, links=True)


def test_older_gitlab_has_none(world: World, client: Client) -> None:
    world.features.graphql_finished_at = False
    assert detect(client) == Abilities(links=True)


def test_older_gitlab_links_no_merge_requests_in_graphql(world: World, client: Client) -> None:
    world.features.graphql_deployment_merge_requests = False
    assert detect(client) == Abilities(finishes=True, overview=True)


@pytest.mark.parametrize(
    "answer",
    [
        {"errors": [{"message": "introspection is off"}]},
        {"data": None},
        {"data": {"deployment": None, "environment": None}},
        {"data": {"deployment": {"fields": None}, "environment": {}}},
        {"data": {"deployment": {"fields": [{"name": "finishedAt"}]}, "environment": None}},
    ],
)
def test_gitlab_that_does_not_tell_has_none(
    serve: Callable[[Answering], ScriptedServer], clients: Clients, answer: object
) -> None:
    server = serve(lambda _: Told([answer] * 4))
    assert detect(clients(server.url)) == Abilities()


def test_gitlab_without_graphql_refuses(world: World, client: Client) -> None:
    world.features.graphql = False
    with pytest.raises(RefusedError):
        detect(client)


def test_gitlab_that_cannot_be_reached_may_have_them(
    gitlab: SimulatedGitLab, client: Client
) -> None:
    gitlab.faults.add(Fault("status", match="graphql", status=503))
    with pytest.raises(TransientError):
        detect(client)
