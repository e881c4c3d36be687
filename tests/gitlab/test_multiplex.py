import json
from collections.abc import Callable

import pytest

from exporter.gitlab.errors import UnavailableError
from exporter.gitlab.multiplex import Multiplex, Query
from tests.gitlab.conftest import Clients
from tests.gitlab.server import Answering, Asked, ScriptedServer, Told

Serve = Callable[[Answering], ScriptedServer]


def echo(asked: Asked) -> Told:
    """Answer each query with its text."""
    return Told([{"data": one["query"]} for one in json.loads(asked.body)])


def sizes(server: ScriptedServer) -> list[int]:
    return [len(json.loads(one.body)) for one in server.asked]


@pytest.mark.parametrize(
    ("length", "weight", "requests"),
    [(10, 1, [60, 60, 5]), (490, 1, [20] * 6 + [5]), (10, 15, [4] * 31 + [1]), (20_000, 1, [1])],
)
def test_queries_travel_together_as_far_as_gitlab_takes_them(
    serve: Serve, clients: Clients, length: int, weight: int, requests: list[int]
) -> None:
    server = serve(echo)
    texts = [f"{number:0{length}}" for number in range(sum(requests))]
    answers = Multiplex(clients(server.url)).run([Query(one, {}, weight) for one in texts])
    assert answers == texts
    assert sizes(server) == requests


def test_a_request_that_fails_is_made_smaller_and_stays_so(serve: Serve, clients: Clients) -> None:
    def answer(asked: Asked) -> Told:
        return echo(asked) if len(json.loads(asked.body)) <= 20 else Told(status=503)

    server = serve(answer)
    texts = [str(number) for number in range(70)]
    multiplex = Multiplex(clients(server.url))
    assert multiplex.run([Query(one, {}) for one in texts]) == texts
    tries = sizes(server).count(60)
    assert sizes(server) == [60] * tries + [15] * 4 + [10]
    multiplex.run([Query(one, {}) for one in texts])
    assert sizes(server).count(60) == tries


def test_a_query_that_is_refused_gives_nothing_and_the_others_their_data(
    serve: Serve, clients: Clients
) -> None:
    server = serve(lambda _: Told([{"errors": [{"message": "no"}]}, {"data": {"id": 1}}]))
    assert Multiplex(clients(server.url)).run([Query("a", {}), Query("b", {})]) == [None, {"id": 1}]


def test_gitlab_that_answers_nothing_is_not_asked_for_ever(serve: Serve, clients: Clients) -> None:
    server = serve(lambda _: Told(status=503))
    with pytest.raises(UnavailableError):
        Multiplex(clients(server.url)).run([Query(str(one), {}) for one in range(60)])
    assert len(server.asked) <= 8
