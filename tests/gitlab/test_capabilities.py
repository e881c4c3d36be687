from collections.abc import Callable

import pytest

from exporter.gitlab import Client, RefusedError
from exporter.gitlab.capabilities import DETECT_AGAIN, Abilities, Capabilities, detect
from exporter.gitlab.errors import TransientError
from exporter.simulator import Fault, SimulatedGitLab, World
from tests.gitlab.clock import LockstepClock
from tests.gitlab.conftest import Clients
from tests.gitlab.server import Answering, ScriptedServer, Told

_FINISHES = {"fields": [{"name": "finishedAt"}]}


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
        {"data": {"deployment": None, "environment": None, "project": None}},
        {"data": {"deployment": _FINISHES, "environment": None, "project": None}},
    ],
)
def test_gitlab_that_does_not_tell_has_none(
    serve: Callable[[Answering], ScriptedServer], clients: Clients, answer: object
) -> None:
    server = serve(lambda _: Told([answer] * 4))
    assert detect(clients(server.url)) == Abilities()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"deployment": None, "environment": None},
        {"deployment": {}, "environment": None, "project": None},
        {"deployment": {"fields": None}, "environment": None, "project": None},
        {"deployment": {"fields": [{"args": []}]}, "environment": None, "project": None},
        {"deployment": {"fields": "unexpected"}, "environment": None, "project": None},
    ],
)
def test_an_answer_of_another_form_says_nothing_of_what_gitlab_has(
    serve: Callable[[Answering], ScriptedServer], clients: Clients, data: object
) -> None:
    server = serve(lambda _: Told([{"data": data}] * 4))
    with pytest.raises(TransientError):
        detect(clients(server.url))


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


@pytest.mark.parametrize("status", [401, 503])
def test_a_refused_token_says_nothing_of_what_gitlab_has(
    gitlab: SimulatedGitLab, client: Client, clock: LockstepClock, status: int
) -> None:
    fault = gitlab.faults.add(Fault("status", match="graphql", status=status))
    capabilities = Capabilities(client, clock)
    assert capabilities.now() == Abilities()
    assert not capabilities.without_finishes
    gitlab.faults.clear()
    assert fault.met
    assert capabilities.now() == Abilities()
    clock.advance(seconds=DETECT_AGAIN)
    assert capabilities.now().whole


def test_a_newer_gitlab_is_noticed_within_a_day(
    world: World, client: Client, clock: LockstepClock
) -> None:
    world.features.graphql = False
    capabilities = Capabilities(client, clock)
    assert capabilities.now() == Abilities()
    clock.advance(seconds=DETECT_AGAIN)
    assert capabilities.now() == Abilities()
    assert capabilities.without_finishes
    world.features.graphql = True
    clock.advance(hours=23)
    assert capabilities.without_finishes
    assert not capabilities.now().whole
    clock.advance(hours=1)
    assert capabilities.now().whole


@pytest.mark.parametrize("field", ["data", "name", "environment", "project"])
def test_one_answer_is_not_believed_for_a_day(
    gitlab: SimulatedGitLab, client: Client, clock: LockstepClock, field: str
) -> None:
    fault = gitlab.faults.add(Fault("null_fields", match="graphql", times=1, fields=(field,)))
    capabilities = Capabilities(client, clock)
    assert not capabilities.now().whole
    assert fault.met
    assert not capabilities.without_finishes
    clock.advance(seconds=DETECT_AGAIN)
    assert capabilities.now().whole
