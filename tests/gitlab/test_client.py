import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Event

import pytest

from exporter.gitlab import Client, GitLabError, StoppedError
from exporter.gitlab.errors import (
    BadAnswerError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    UnauthorizedError,
    UnavailableError,
)
from exporter.simulator import DEFAULT_TOKEN, Fault, SimulatedGitLab, World
from tests.gitlab.clock import LockstepClock
from tests.gitlab.conftest import Clients
from tests.gitlab.server import Answering, Asked, ScriptedServer, Told

Serve = Callable[[Answering], ScriptedServer]

PASSING = [
    pytest.param(Fault("status", status=429, retry_after=7), RateLimitedError, id="429"),
    *(
        pytest.param(Fault("status", status=status), UnavailableError, id=str(status))
        for status in (408, 500, 502, 503, 504)
    ),
    pytest.param(Fault("timeout", delay=60), UnavailableError, id="timeout"),
    pytest.param(Fault("slow", delay=60), UnavailableError, id="too slow"),
    pytest.param(Fault("reset"), UnavailableError, id="reset"),
    pytest.param(Fault("cut"), UnavailableError, id="cut"),
    pytest.param(Fault("truncated_json"), BadAnswerError, id="truncated_json"),
    pytest.param(Fault("wrong_json"), BadAnswerError, id="wrong_json"),
]
LASTING = [
    (400, InvalidError),
    (401, UnauthorizedError),
    (403, ForbiddenError),
    (404, NotFoundError),
]
ASKING: list[Callable[[Client], object]] = [
    lambda client: client.get("/projects/1"),
    lambda client: client.items("/projects/1/environments"),
    lambda client: client.graphql([("{ currentUser { username } }", {})]),
]
ask = pytest.mark.parametrize("ask", ASKING, ids=["object", "list", "query"])


@pytest.fixture
def hasty(gitlab: SimulatedGitLab, world: World, clients: Clients) -> Client:
    """A client that soon tires of waiting, of a GitLab that holds one project."""
    world.add_environment(world.add_project("top/app"), "production")
    return clients(gitlab.url, timeout=0.5)


@pytest.fixture
def known(gitlab: SimulatedGitLab, world: World, clients: Clients) -> Client:
    """A client of a GitLab that holds one project."""
    world.add_environment(world.add_project("top/app"), "production")
    return clients(gitlab.url)


@pytest.mark.parametrize(("fault", "error"), PASSING)
def test_what_may_pass_is_tried_again_but_not_for_ever(
    gitlab: SimulatedGitLab, hasty: Client, fault: Fault, error: type[GitLabError]
) -> None:
    expected = hasty.get("/projects/1")
    gitlab.requests.clear()
    gitlab.faults.add(replace(fault, times=1))
    assert hasty.get("/projects/1") == expected
    assert len(gitlab.requests) == 2
    gitlab.requests.clear()
    gitlab.faults.add(replace(fault))
    with pytest.raises(error) as caught:
        hasty.get("/projects/1")
    assert len(gitlab.requests) == (10 if error is RateLimitedError else 4)
    shown = [str(caught.value), repr(caught.value), *traceback.format_exception(caught.value)]
    assert DEFAULT_TOKEN not in "".join(shown)


@ask
@pytest.mark.parametrize(
    "fault", [Fault("wrong_json"), Fault("truncated_json"), Fault("cut")], ids=lambda one: one.kind
)
def test_lists_and_queries_are_tried_again_too(
    gitlab: SimulatedGitLab, known: Client, fault: Fault, ask: Callable[[Client], object]
) -> None:
    expected = ask(known)
    gitlab.faults.add(replace(fault, times=3))
    assert ask(known) == expected
    assert len(gitlab.requests) == 5


@ask
@pytest.mark.parametrize(("status", "error"), LASTING)
def test_refusal_is_not_tried_again(
    gitlab: SimulatedGitLab,
    known: Client,
    status: int,
    error: type[GitLabError],
    ask: Callable[[Client], object],
) -> None:
    gitlab.faults.add(Fault("status", status=status))
    with pytest.raises(error, match=str(status)) as caught:
        ask(known)
    assert len(gitlab.requests) == 1
    assert DEFAULT_TOKEN not in "".join(traceback.format_exception(caught.value))


def test_slow_answer_is_waited_for(gitlab: SimulatedGitLab, known: Client) -> None:
    gitlab.faults.add(Fault("slow", delay=0.2))
    assert known.get("/projects/1")["id"] == 1
    assert len(gitlab.requests) == 1


def test_pause_that_is_asked_for_is_kept(
    gitlab: SimulatedGitLab, known: Client, clock: LockstepClock
) -> None:
    gitlab.faults.add(Fault("status", status=429, retry_after=90, times=2))
    known.get("/projects/1")
    assert 180 <= clock.monotonic() < 185


def test_limit_of_the_instance_only_slows_down(
    gitlab: SimulatedGitLab, world: World, known: Client, clock: LockstepClock
) -> None:
    world.features.rate_limit_per_minute = 5
    for _ in range(20):
        known.get("/projects/1")
    assert {record.status for record in gitlab.requests} == {200}
    assert clock.monotonic() >= 180


def test_tries_lie_further_and_further_apart(
    gitlab: SimulatedGitLab, known: Client, clock: LockstepClock
) -> None:
    gitlab.faults.add(Fault("status", status=502))
    with pytest.raises(UnavailableError):
        known.get("/projects/1")
    waits = [wait for wait in clock.waits if wait > 0.1]
    assert len(waits) == 3
    assert sorted(waits) == waits
    assert sum(waits) < 20


def test_stop_ends_the_tries(
    gitlab: SimulatedGitLab, known: Client, clock: LockstepClock, stop: Event
) -> None:
    gitlab.faults.add(Fault("status", status=502))
    clock.during_wait = stop.set
    with pytest.raises(StoppedError):
        known.get("/projects/1")
    assert len(gitlab.requests) == 1
    with pytest.raises(StoppedError):
        known.get("/projects/1")
    assert len(gitlab.requests) == 1


def test_error_page_of_a_proxy_is_not_quoted(gitlab: SimulatedGitLab, known: Client) -> None:
    gitlab.faults.add(Fault("status", status=502))
    with pytest.raises(UnavailableError) as caught:
        known.get("/projects/1")
    assert str(caught.value) == "GET /projects/1: 502 with a page for people"


def test_what_gitlab_says_of_a_refusal_is_told(serve: Serve, clients: Clients) -> None:
    server = serve(lambda _: Told({"message": "403 Forbidden - " + "x" * 999}, 403))
    with pytest.raises(ForbiddenError, match=r"^GET /user: 403 Forbidden - x") as caught:
        clients(server.url).get("/user")
    assert len(str(caught.value)) < 300


def test_page_for_people_is_no_answer(serve: Serve, clients: Clients) -> None:
    server = serve(lambda _: Told(b"<html>Sign in</html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(BadAnswerError, match="GET /user: the answer is not JSON"):
        clients(server.url).get("/user")


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b'{"id": '])
def test_anything_else_is_no_answer(serve: Serve, clients: Clients, body: bytes) -> None:
    server = serve(lambda _: Told(body))
    with pytest.raises(BadAnswerError):
        clients(server.url).get("/user")


# Pages


def listing(rows: int, headers: Callable[[int, int], Mapping[str, str]]) -> Answering:
    """Answer with pages of numbers; ``headers`` takes the page's number and the last one's."""

    def answer(asked: Asked) -> Told:
        page, size = int(asked.query.get("page", 1)), int(asked.query["per_page"])
        last = max(1, -(-rows // size))
        shown = range((page - 1) * size, min(page * size, rows))
        return Told(list(shown), headers=headers(page, last))

    return answer


def by_link(page: int, last: int) -> dict[str, str]:
    # The host that GitLab thinks it has is not always the one it is reached by.
    to = "http://gitlab.internal/api/v4/things?{}&per_page=100"
    links = [f'<{to.format("page=1")}>; rel="first"']
    if page < last:
        links.append(f'<{to.format(f"page={page + 1}")}>; rel="next"')
    return {"Link": ", ".join(links)}


def by_number(page: int, last: int) -> dict[str, str]:
    return {"X-Next-Page": str(page + 1) if page < last else ""}


def by_both(page: int, last: int) -> dict[str, str]:
    return {**by_link(page, last), **by_number(page, last)}


def by_nothing(_page: int, _last: int) -> dict[str, str]:
    return {}


@pytest.mark.parametrize("headers", [by_link, by_number, by_both, by_nothing])
@pytest.mark.parametrize("rows", [0, 1, 99, 100, 101, 200, 250])
def test_pages_are_read_to_the_end(
    serve: Serve, clients: Clients, headers: Callable[[int, int], Mapping[str, str]], rows: int
) -> None:
    server = serve(listing(rows, headers))
    assert clients(server.url).items("/things", order_by="id") == list(range(rows))
    assert {one.query["per_page"] for one in server.asked} == {"100"}
    assert {one.query["order_by"] for one in server.asked} == {"id"}
    # Without any header, only a page that is not full is known to be the last.
    pages = rows // 100 + 1 if headers is by_nothing else max(1, -(-rows // 100))
    assert len(server.asked) == pages


def test_keyset_links_are_followed(serve: Serve, clients: Clients) -> None:
    def answer(asked: Asked) -> Told:
        after = int(asked.query.get("id_after", -1))
        rows = list(range(after + 1, min(after + 101, 250)))
        if not rows:
            return Told([])
        link = f"http://gitlab.internal/api/v4/things?id_after={rows[-1]}&per_page=100"
        return Told(rows, headers={"Link": f'<{link}>; rel="next"'})

    server = serve(answer)
    assert clients(server.url).items("/things", pagination="keyset") == list(range(250))
    assert {one.query["pagination"] for one in server.asked} == {"keyset"}


def test_pages_of_the_simulated_gitlab_are_counted(world: World, client: Client) -> None:
    for number in range(130):
        world.add_project(f"top/app-{number}")
    pages = list(client.pages("/groups/top/projects"))
    assert [(len(page.items), page.total, page.last) for page in pages] == [
        (100, 130, False),
        (30, 130, True),
    ]


@pytest.mark.parametrize(
    ("headers", "total"),
    [({}, None), ({"X-Total": ""}, None), ({"X-Total": "many"}, None), ({"X-Total": "7"}, 7)],
)
def test_total_may_be_missing(
    serve: Serve, clients: Clients, headers: dict[str, str], total: int | None
) -> None:
    server = serve(lambda _: Told([1], headers=headers))
    assert [page.total for page in clients(server.url).pages("/things")] == [total]


def test_next_page_is_asked_for_only_when_wanted(serve: Serve, clients: Clients) -> None:
    server = serve(listing(250, by_both))
    next(clients(server.url).pages("/things"))
    assert len(server.asked) == 1


def test_list_that_repeats_itself_is_no_answer(serve: Serve, clients: Clients) -> None:
    server = serve(lambda _: Told(list(range(100)), headers={"X-Next-Page": "2"}))
    with pytest.raises(BadAnswerError, match="/things: the same page twice"):
        clients(server.url).items("/things")


def test_another_page_than_the_one_asked_for_is_no_answer(
    gitlab: SimulatedGitLab, world: World, client: Client
) -> None:
    for name in ("one", "two", "three"):
        world.add_project(f"top/{name}")
    world.features.largest_page = 2
    gitlab.faults.add(Fault("other_page", "groups/top/projects", times=3))
    assert len(client.items("/groups/top/projects")) == 3
    gitlab.faults.add(Fault("other_page", "groups/top/projects"))
    with pytest.raises(BadAnswerError, match="/projects: another page than the one asked for"):
        client.items("/groups/top/projects")


def test_list_is_read_again_where_a_row_moved_out_of_sight(serve: Serve, clients: Clients) -> None:
    """The row 1 is deleted after page 1 was read, so 3 moves there."""

    def answer(asked: Asked) -> Told:
        page, seen = int(asked.query.get("page", 1)), len(server.asked)
        rows = [1, 2, 3, 4] if seen == 1 else [2, 3, 4]
        shown = rows[2 * page - 2 : 2 * page]
        headers = {"X-Total": str(len(rows)), "X-Next-Page": "2" if page == 1 else ""}
        return Told([{"id": one} for one in shown], headers=headers)

    server = serve(answer)
    found = clients(server.url).items("/things")
    assert [one["id"] for one in found] == [2, 3, 4]


def test_rows_that_gitlab_counts_but_never_shows_are_not_waited_for(
    serve: Serve, clients: Clients
) -> None:
    server = serve(lambda _: Told([{"id": 1}, {"id": 1}], headers={"X-Total": "2"}))
    assert clients(server.url).items("/things") == [{"id": 1}]
    assert len(server.asked) == 2


# GraphQL


def test_query_that_fails_leaves_the_others_alone(client: Client) -> None:
    user = "query($id: ID!) { currentUser { username } project(fullPath: $id) { id } }"
    answers = client.graphql(
        [(user, {"id": "no/such"}), ("{ nonsense }", {}), ("{ currentUser { username } }", {})]
    )
    assert answers == [
        {"currentUser": {"username": "root"}, "project": None},
        None,
        {"currentUser": {"username": "root"}},
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"errors": [{"message": "Timeout"}], "data": {"project": None}},
        {"errors": [{"message": "Timeout"}]},
        {"data": None},
        {},
        "text",
        None,
    ],
)
def test_half_an_answer_is_none(serve: Serve, clients: Clients, answer: object) -> None:
    server = serve(lambda _: Told([answer]))
    assert clients(server.url).graphql([("{ a }", {})]) == [None]


@pytest.mark.parametrize("body", [{"data": {}}, [], [{"data": {}}] * 2, None])
def test_each_query_needs_its_answer(serve: Serve, clients: Clients, body: object) -> None:
    server = serve(lambda _: Told(body))
    with pytest.raises(BadAnswerError, match="not one answer for each query"):
        clients(server.url).graphql([("{ a }", {})])


ODD_BODIES = {
    "no JSON": "",
    "a long number": "9" * 5000,
    "lists within lists": "[" * 100_000,
    "bytes that are no text": "\xff\xfe\x80",
    "not a number": "[NaN, Infinity, 1e400]",
    "half a surrogate": '"\\ud800"',
}
ODD_HEADERS: dict[str, dict[str, str]] = {
    "a page that is none": {"x-next-page": "next", "link": ""},
    "a long count": {"x-total": "9" * 5000},
    "a link that is none": {"link": '<http://[/?page=2>; rel="next"'},
    "a page of many digits": {"x-next-page": "9" * 5000},
    "odd limits": {
        "ratelimit-remaining": "1e300",
        "ratelimit-reset": "nan",
        "ratelimit-limit": "-1",
        "retry-after": "9" * 400,
        "date": "Sun, 99 Feb 99999 99:99:99 GMT",
    },
}


@ask
@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES)
def test_an_odd_body_is_an_answer_or_an_error_of_gitlab(
    hasty: Client, gitlab: SimulatedGitLab, ask: Callable[[Client], object], body: str
) -> None:
    gitlab.faults.add(Fault("odd_body", body=body))
    with suppress(GitLabError):
        ask(hasty)
    gitlab.faults.clear()
    assert ask(hasty)


@ask
@pytest.mark.parametrize("headers", ODD_HEADERS.values(), ids=ODD_HEADERS)
def test_odd_headers_are_passed_over_or_an_error_of_gitlab(
    hasty: Client,
    gitlab: SimulatedGitLab,
    ask: Callable[[Client], object],
    headers: dict[str, str],
) -> None:
    gitlab.faults.add(Fault("odd_headers", headers=headers))
    with suppress(GitLabError):
        ask(hasty)
    gitlab.faults.clear()
    assert ask(hasty)
