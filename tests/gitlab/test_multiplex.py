import json
from collections.abc import Callable

import pytest

from exporter.gitlab.errors import UnavailableError
from exporter.gitlab.multiplex import MOST, Multiplex, Query
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
    [
        (10, 1, [60, 75, 93, 116, 145, 150, 150, 5]),
        (490, 1, [20] * 6 + [5]),
        (10, 15, [4, 5, 6, 7, 9, 10, 10, 1]),
        (20_000, 1, [1]),
    ],
)
def test_queries_travel_together_as_far_as_gitlab_takes_them(
    serve: Serve, clients: Clients, length: int, weight: int, requests: list[int]
) -> None:
    server = serve(echo)
    texts = [f"{number:0{length}}" for number in range(sum(requests))]
    answers = Multiplex(clients(server.url)).run([Query(one, {}, weight) for one in texts])
    assert answers == texts
    assert sizes(server) == requests


@pytest.mark.parametrize("told", ["status", "errors"])
def test_requests_that_time_out_are_made_smaller_and_slowly_greater(
    serve: Serve, clients: Clients, told: str
) -> None:
    """GitLab tells of a time-out for the whole request, or in each query that is late."""

    def answer(asked: Asked) -> Told:
        queries = json.loads(asked.body)
        if told == "status" and len(queries) > 20:
            return Told(status=503)
        late = {"errors": [{"message": "Timeout on Query.project"}], "data": {"project": None}}
        return Told([{"data": one["query"]} if n < 20 else late for n, one in enumerate(queries)])

    server = serve(answer)
    texts = [str(number) for number in range(2000)]
    assert Multiplex(clients(server.url)).run([Query(one, {}) for one in texts]) == texts
    seen = sizes(server)
    assert seen[:4] == [60, 15, 15, 18]
    assert sum(size > 20 for size in seen) <= 8
    assert len(seen) <= 1.2 * len(texts) / 20 + 8  # 20 at a time would be the fewest


def test_after_a_time_of_trouble_as_much_is_asked_as_before(serve: Serve, clients: Clients) -> None:
    trouble = [1]
    server = serve(lambda asked: Told(status=503) if trouble and trouble.pop() else echo(asked))
    texts = [str(number) for number in range(2000)]
    assert Multiplex(clients(server.url)).run([Query(one, {}) for one in texts]) == texts
    assert max(sizes(server)) == MOST


def test_a_query_that_is_late_on_its_own_gives_nothing(serve: Serve, clients: Clients) -> None:
    """Who asked may ask for less."""
    server = serve(lambda _: Told([{"errors": [{"message": "Timeout on Query.project"}]}]))
    assert Multiplex(clients(server.url)).run([Query("a", {})]) == [None]
    assert len(server.asked) == 1


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
