import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exporter.gitlab.client import Client
from exporter.gitlab.contact import Trouble, certificate_expires_at, trouble
from exporter.gitlab.errors import GitLabError, RedirectedError, UnavailableError
from exporter.instant import from_datetime
from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.faults import Fault
from tests.gitlab.conftest import Clients
from tests.gitlab.server import Answering, ScriptedServer, Told
from tests.ports import free_port
from tests.webconfig.certificates import LOOPBACK, Authority, write

Serve = Callable[[Answering], ScriptedServer]


def failing(client: Client) -> GitLabError:
    with pytest.raises(GitLabError) as caught:
        client.get_once("/version")
    return caught.value


def test_one_answer_is_asked_for_once(
    gitlab: SimulatedGitLab, world: World, client: Client
) -> None:
    assert client.get_once("/version")["version"] == world.features.version
    gitlab.requests.clear()
    gitlab.faults.add(Fault("status", status=503))
    error = failing(client)
    assert isinstance(error, UnavailableError)
    assert len(gitlab.requests) == 1
    # There was an answer, and so no trouble with the connection.
    assert trouble(error) is None


def test_an_error_says_what_kept_the_connection_from_coming_about(clients: Clients) -> None:
    error = failing(clients(f"http://127.0.0.1:{free_port()}"))
    assert trouble(error) is Trouble.REFUSED
    assert str(error) == "GET /version: connection fails: refused (ConnectionError)"
    assert trouble(GitLabError("another")) is None


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (ssl.SSLEOFError("cut"), Trouble.CUT),
        (OSError("no such file"), Trouble.AUTHORITIES),
        (TimeoutError("late"), Trouble.NO_ANSWER),
    ],
)
def test_causes_are_looked_for_below_an_error(error: Exception, found: Trouble) -> None:
    assert trouble(UnavailableError("GET /version", error)) is found
    below = ValueError("outer", error)
    if found is not Trouble.AUTHORITIES:
        assert trouble(UnavailableError("GET /version", below)) is found


def test_a_redirect_names_its_target_without_the_rest(serve: Serve, clients: Clients) -> None:
    target = "https://elsewhere.example.com:8443/api/v4/version?secret=1"
    server = serve(lambda _: Told(None, 302, {"Location": target}))
    error = failing(clients(server.url))
    assert isinstance(error, RedirectedError)
    assert error.target == "https://elsewhere.example.com:8443"
    assert "secret" not in str(error)


def test_people_land_where_gitlab_sends_them(serve: Serve, clients: Clients) -> None:
    server = serve(
        lambda asked: Told(b"<html>", 302 if asked.path == "/" else 200, {"Location": "/in"})
    )
    assert clients(server.url).landing() == f"{server.url}/in"


def test_a_refusal_carries_the_words_beside_its_name(
    gitlab: SimulatedGitLab, world: World, clients: Clients
) -> None:
    world.features.token_reasons = True
    world.add_token("old-token", revoked=True)
    error = failing(clients(gitlab.url, token=lambda: "old-token"))
    assert "401 invalid_token: Token was revoked." in str(error)


def test_the_end_of_a_certificate_is_read(tmp_path: Path, world: World) -> None:
    authority = Authority("authority")
    lasting = timedelta(days=30)
    write(tmp_path, "server", *authority.issue("gitlab", *LOOPBACK, lasting=lasting))
    (tmp_path / "ca.crt").write_text(authority.pem())
    files = tmp_path / "server.crt", tmp_path / "server.key"
    with SimulatedGitLab(world, tls=files) as gitlab:
        known = certificate_expires_at(gitlab.url, ca_file=str(tmp_path / "ca.crt"), timeout=5)
        unknown = certificate_expires_at(gitlab.url, ca_file=None, timeout=5)
    assert known is not None
    days = (known - from_datetime(datetime.now(UTC))) / 86_400e6
    assert 29 < days < 30
    assert unknown is None


def test_without_tls_or_by_a_proxy_there_is_no_end_to_read(
    gitlab: SimulatedGitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert certificate_expires_at(gitlab.url, ca_file=None, timeout=5) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")
    assert certificate_expires_at("https://gitlab.example.com", ca_file=None, timeout=5) is None
