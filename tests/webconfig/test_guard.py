"""What stands before the pages: passwords, headers and the limit of requests."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import bcrypt
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from exporter.webconfig.guard import Guard
from exporter.webconfig.passwords import Passwords, Verdict
from tests.webconfig.secured import HASH, PASSWORD, Secured

ALICE = ("alice", PASSWORD)
USERS = {"alice": HASH}
CHALLENGE = 'Basic realm="gitlab-dora-exporter", charset="UTF-8"'


async def told(request: Request) -> Response:
    """Tell which headers came through."""
    return JSONResponse({name: value for name, value in request.headers.items() if name != "host"})


APP = Starlette(routes=[Route("/told", told, methods=["GET", "POST", "OPTIONS"])])


@contextmanager
def guarded(secured: Secured, **settings: Any) -> Iterator[TestClient]:
    app = secured.config(**settings).guard(APP)
    with TestClient(app) as client:
        yield client


def basic(text: bytes) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(text).decode()}"}


def test_without_users_everyone_is_let_in(secured: Secured) -> None:
    with guarded(secured) as client:
        answer = client.get("/told", headers={"authorization": "Bearer glpat-x"})
    assert answer.json()["authorization"] == "Bearer glpat-x"


@pytest.mark.parametrize("path", ["/told", "/", "/metrics", "/-/healthy", "/no/such/page"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_every_page_is_behind_the_passwords(secured: Secured, path: str, method: str) -> None:
    with guarded(secured, basic_auth_users=USERS) as client:
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, CHALLENGE)
        if method != "HEAD":
            assert answer.text == "Unauthorized\n"
        assert client.request(method, path, auth=ALICE).status_code != 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer glpat-x"},
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic YWxpY2U"},
        basic(b"alice"),
        basic(b"alice:"),
        basic(b"alice:wrong"),
        basic(b"bob:" + PASSWORD.encode()),
        basic(b"\xff:" + PASSWORD.encode()),
        basic(b""),
        {"private-token": "glpat-x"},
    ],
)
def test_who_shows_no_right_password_is_refused(secured: Secured, headers: dict[str, str]) -> None:
    with guarded(secured, basic_auth_users=USERS) as client:
        assert client.get("/told", headers=headers).status_code == 401


def test_a_password_may_hold_colons_and_any_character(secured: Secured) -> None:
    password = "a:b:ü€"
    users = {"jörg": bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}
    with guarded(secured, basic_auth_users=users) as client:
        shown = basic(f"jörg:{password}".encode())
        assert client.get("/told", headers=shown).status_code == 200
        shown["authorization"] = shown["authorization"].replace("Basic", "bAsIc")
        assert client.get("/told", headers=shown).status_code == 200


def test_pages_do_not_see_the_password_but_the_callers_token(secured: Secured) -> None:
    with guarded(secured, basic_auth_users=USERS) as client:
        answer = client.get("/told", auth=ALICE, headers={"PRIVATE-TOKEN": "glpat-x"})
    assert answer.json()["private-token"] == "glpat-x"
    assert "authorization" not in answer.json()


def test_users_change_while_it_serves(secured: Secured) -> None:
    with guarded(secured, basic_auth_users=USERS) as client:
        assert client.get("/told", auth=ALICE).status_code == 200
        secured.say(basic_auth_users={"bob": HASH})
        assert client.get("/told", auth=ALICE).status_code == 401
        assert client.get("/told", auth=("bob", PASSWORD)).status_code == 200


HEADERS = {
    "Content-Security-Policy": "default-src 'self'",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "sameorigin",
    "X-XSS-Protection": "0",
}


def test_headers_are_on_every_answer(secured: Secured) -> None:
    http = {"headers": HEADERS}
    with guarded(secured, basic_auth_users=USERS, http_server_config=http) as client:
        for auth in (None, ALICE):
            for path in ("/told", "/no/such/page"):
                answer = client.get(path, auth=auth)
                assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_a_header_may_be_a_number(secured: Secured) -> None:
    with guarded(secured, http_server_config={"headers": {"X-XSS-Protection": 0}}) as client:
        assert client.get("/told").headers["X-XSS-Protection"] == "0"


def test_headers_without_a_value_are_not_sent(secured: Secured) -> None:
    http = {"headers": dict.fromkeys(HEADERS, "") | {"X-XSS-Protection": None}}
    with guarded(secured, http_server_config=http) as client:
        assert not set(HEADERS) & set(client.get("/told").headers)


def test_more_requests_than_the_limit_are_refused(secured: Secured) -> None:
    """Before any password is looked at."""
    seconds = [0.0]
    limit = {"interval": "10s", "burst": 2}
    config = secured.config(basic_auth_users=USERS, rate_limit=limit)
    with TestClient(Guard(APP, config.current, now=lambda: seconds[0])) as client:
        assert [client.get("/told").status_code for _ in range(3)] == [401, 401, 429]
        assert client.get("/told", auth=ALICE).headers["retry-after"] == "1"
        seconds[0] += 10
        assert client.get("/told", auth=ALICE).status_code == 200
        secured.say(basic_auth_users=USERS)
        assert {client.get("/told", auth=ALICE).status_code for _ in range(20)} == {200}


class Busy(Passwords):
    async def verify(self, *_: object) -> Verdict:
        return Verdict.BUSY


def test_when_too_many_passwords_wait_the_rest_come_again_later(secured: Secured) -> None:
    config = secured.config(basic_auth_users=USERS)
    with TestClient(Guard(APP, config.current, passwords=Busy())) as client:
        answer = client.get("/told", auth=ALICE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_other_protocols_are_no_way_around(secured: Secured) -> None:
    reached: list[object] = []
    sent: list[Any] = []

    async def app(*_: object) -> None:
        reached.append(1)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    guard = secured.config(basic_auth_users=USERS).guard(app)
    anyio.run(guard, {"type": "websocket", "path": "/told", "headers": []}, receive, send)
    assert (reached, sent) == ([], [{"type": "websocket.close"}])
