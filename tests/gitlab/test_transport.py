from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from exporter.gitlab import NotFoundError, RefusedError, UnauthorizedError
from exporter.gitlab.errors import UnavailableError
from exporter.gitlab.transport import endpoint_of
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.gitlab.conftest import Clients
from tests.gitlab.server import Answering, Asked, ScriptedServer, Told

Serve = Callable[[Answering], ScriptedServer]


@pytest.mark.parametrize("root", ["https://gitlab.com", "https://host:8443", "http://host/gitlab"])
@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/api/v4/version", "/version"),
        ("/api/v4/user", "/user"),
        ("/api/v4/projects/42", "/projects/:id"),
        ("/api/v4/projects/top%2Fapp", "/projects/:id"),
        ("/api/v4/projects/api%2Fv4%2Fgraphql", "/projects/:id"),
        ("/api/v4/projects/42/deployments?status=success&page=2", "/projects/:id/deployments"),
        (
            "/api/v4/projects/42/deployments/7/merge_requests?per_page=100",
            "/projects/:id/deployments/:id/merge_requests",
        ),
        ("/api/v4/projects/42/environments", "/projects/:id/environments"),
        ("/api/v4/projects/42/members/all/7", "/projects/:id/members/all/:id"),
        ("/api/v4/groups/top", "/groups/:id"),
        ("/api/v4/groups/projects%2Fall/projects", "/groups/:id/projects"),
        ("/api/v4/groups/3/projects?simple=true", "/groups/:id/projects"),
        ("/api/v4/groups/3/descendant_groups", "/groups/:id/descendant_groups"),
        ("/api/v4/groups/3/members/all/7", "/groups/:id/members/all/:id"),
        ("/api/graphql", "/graphql"),
        ("/users/sign_in?redirect=secret", "other"),
        ("/api/v3/projects/42", "other"),
        ("", "other"),
    ],
)
def test_label_is_the_documented_path(root: str, path: str, endpoint: str) -> None:
    assert endpoint_of(root + path) == endpoint


def ok(_: Asked) -> Told:
    return Told({"id": 1})


def test_rest_gets_the_token_in_gitlabs_own_header(serve: Serve, clients: Clients) -> None:
    server = serve(ok)
    assert clients(server.url, token=lambda: "sesame").get("/user") == {"id": 1}
    assert server.asked[0].headers["PRIVATE-TOKEN"] == "sesame"
    assert server.asked[0].headers["Authorization"] is None


def test_graphql_gets_the_token_as_a_bearer_too(serve: Serve, clients: Clients) -> None:
    server = serve(lambda _: Told([{"data": {}}]))
    clients(server.url, token=lambda: "sesame").graphql([("{ a }", {})])
    assert server.asked[0].headers["Authorization"] == "Bearer sesame"


def test_relative_root_is_kept(serve: Serve, clients: Clients) -> None:
    server = serve(lambda asked: Told([{"data": 1}] if asked.method == "POST" else {}))
    client = clients(server.url + "/gitlab/")
    client.get("/version")
    client.graphql([("{ a }", {})])
    assert [one.path for one in server.asked] == ["/gitlab/api/v4/version", "/gitlab/api/graphql"]
    assert set(clients.counted) == {("/version", "200"), ("/graphql", "200")}


def elsewhere(own: ScriptedServer, other: ScriptedServer) -> dict[str, str]:
    return {
        "port": f"{other.url}/api/v4/version",
        "host": f"http://localhost:{own.port}/api/v4/version",
        "scheme": f"https://127.0.0.1:{own.port}/api/v4/version",
        "user": f"http://127.0.0.1:{own.port}@localhost:{other.port}/api/v4/version",
    }


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", ["port", "host", "scheme", "user"])
def test_redirect_to_anywhere_else_is_refused(
    serve: Serve, clients: Clients, kind: str, status: int
) -> None:
    other = serve(ok)
    own = serve(lambda _: Told({}, status, {"Location": elsewhere(own, other)[kind]}))
    with pytest.raises(
        RefusedError, match=r"GitLab redirected to .* set gitlab.url to it"
    ) as error:
        clients(own.url).get("/version")
    assert elsewhere(own, other)[kind].removesuffix("/api/v4/version") in str(error.value)
    assert len(own.asked) == 1
    assert other.asked == []


@pytest.mark.parametrize("status", [301, 307])
def test_queries_are_not_redirected_elsewhere_either(
    serve: Serve, clients: Clients, status: int
) -> None:
    other = serve(ok)
    own = serve(lambda _: Told({}, status, {"Location": f"{other.url}/api/graphql"}))
    with pytest.raises(RefusedError):
        clients(own.url).graphql([("{ a }", {})])
    assert other.asked == []


def test_redirect_on_the_same_host_is_followed(
    gitlab: SimulatedGitLab, world: World, clients: Clients
) -> None:
    project = world.add_project("top/app")
    world.move_project(project, "top/sub/app")
    answer = clients(gitlab.url).get("/projects/top%2Fapp")
    assert answer["path_with_namespace"] == "top/sub/app"
    assert clients.counted == {("/projects/:id", "301"): 1, ("/projects/:id", "200"): 1}


def test_each_redirected_request_has_the_token_of_its_moment(
    serve: Serve, clients: Clients
) -> None:
    def answer(asked: Asked) -> Told:
        if asked.path.endswith("/user"):
            return Told({}, 301, {"Location": "/api/v4/version"})
        return Told({})

    server, numbers = serve(answer), count(1)
    clients(server.url, token=lambda: f"token-{next(numbers)}").get("/user")
    assert [one.headers["PRIVATE-TOKEN"] for one in server.asked] == ["token-1", "token-2"]


def test_token_is_read_again_for_each_try(serve: Serve, clients: Clients) -> None:
    server, numbers = serve(lambda _: Told({}, 500)), count(1)
    with pytest.raises(UnavailableError):
        clients(server.url, token=lambda: f"token-{next(numbers)}").get("/user")
    assert [one.headers["PRIVATE-TOKEN"] for one in server.asked] == [
        f"token-{number}" for number in range(1, len(server.asked) + 1)
    ]
    assert len(server.asked) > 1


def test_request_without_a_token_is_not_sent(serve: Serve, clients: Clients) -> None:
    def no_token() -> str:
        raise UnauthorizedError("gitlab.token_file: empty")

    server = serve(ok)
    with pytest.raises(UnauthorizedError, match="token_file: empty"):
        clients(server.url, token=no_token).get("/user")
    assert server.asked == []


def test_cookies_are_not_kept(serve: Serve, clients: Clients) -> None:
    server = serve(lambda _: Told({}, headers={"Set-Cookie": "_gitlab_session=1; Path=/"}))
    client = clients(server.url)
    client.get("/user")
    client.get("/user")
    assert [one.headers["Cookie"] for one in server.asked] == [None, None]


def test_netrc_is_not_read(
    serve: Serve, clients: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password sesame\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    def answer(asked: Asked) -> Told:
        if asked.path.endswith("/user"):
            return Told({}, 301, {"Location": "/api/v4/version"})
        return Told({})

    server = serve(answer)
    clients(server.url).get("/user")
    assert [one.headers["Authorization"] for one in server.asked] == [None, None]


def test_requests_are_counted_whatever_comes(
    gitlab: SimulatedGitLab, world: World, clients: Clients
) -> None:
    client = clients(gitlab.url)
    world.add_project("top/app")
    client.get("/projects/1")
    with pytest.raises(NotFoundError):
        client.get("/projects/2")
    gitlab.stop()
    with pytest.raises(UnavailableError):
        client.get("/projects/1")
    assert set(clients.counted) == {
        ("/projects/:id", "200"),
        ("/projects/:id", "404"),
        ("/projects/:id", "error"),
    }
    assert clients.counted["/projects/:id", "error"] > 1


def test_representations_hold_no_token(gitlab: SimulatedGitLab, clients: Clients) -> None:
    client = clients(gitlab.url)
    client.get("/user")
    session = client._session
    shown = [repr(client), repr(session), repr(session.headers), repr(session.adapters)]
    assert DEFAULT_TOKEN not in "".join(shown)
