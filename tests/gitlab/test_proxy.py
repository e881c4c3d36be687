"""Proxies as docs/operations.md tells of them; one that knows a name which nobody else does."""

from collections.abc import Callable

import pytest

from exporter.gitlab.errors import UnavailableError
from tests.gitlab.conftest import Clients
from tests.gitlab.server import Answering, Asked, ScriptedServer, Told

GITLAB = "gitlab.invalid"

Serve = Callable[[Answering], ScriptedServer]


@pytest.fixture
def proxy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> ScriptedServer:
    """A proxy that the environment names."""

    def answer(asked: Asked) -> Told:
        return Told([{"data": {}}] if asked.method == "POST" else {"id": 1})

    server = serve(answer)
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    return server


def test_gitlab_is_asked_through_the_proxy(proxy: ScriptedServer, clients: Clients) -> None:
    client = clients(f"http://{GITLAB}", token=lambda: "sesame")
    assert client.get("/user") == {"id": 1}
    client.graphql([("{ a }", {})])
    assert [(one.method, one.path, one.headers["Host"]) for one in proxy.asked] == [
        ("GET", "/api/v4/user", GITLAB),
        ("POST", "/api/graphql", GITLAB),
    ]
    assert proxy.asked[0].headers["PRIVATE-TOKEN"] == "sesame"


def test_a_proxy_sees_nothing_of_what_is_encrypted(proxy: ScriptedServer, clients: Clients) -> None:
    with pytest.raises(UnavailableError):  # this one makes no tunnels
        clients(f"https://{GITLAB}", token=lambda: "sesame").get("/user")
    assert {one.method for one in proxy.asked} == {"CONNECT"}
    assert "sesame" not in "".join(str(one.headers) for one in proxy.asked)


@pytest.mark.parametrize("exception", [GITLAB, "invalid", f"a.example,{GITLAB}", "*"])
def test_hosts_in_no_proxy_are_asked_directly(
    proxy: ScriptedServer, clients: Clients, monkeypatch: pytest.MonkeyPatch, exception: str
) -> None:
    monkeypatch.setenv("NO_PROXY", exception)
    with pytest.raises(UnavailableError):
        clients(f"http://{GITLAB}").get("/user")
    assert proxy.asked == []
