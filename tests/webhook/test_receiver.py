"""Who may send events, what they are answered, and what is passed on."""

import asyncio
import hmac
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Message, Scope

from exporter.config import TokenSource
from exporter.config.token_source import secret_flaw
from exporter.webhook import receiver
from exporter.webhook.receiver import LARGEST, REMEMBERED_SECONDS
from tests.webhook.conftest import Listening
from tests.webhook.payloads import SECRET, content, headers

WRONG = [
    None,
    "",
    "x",
    SECRET[:-1],
    SECRET + "x",
    SECRET.upper(),
    "Basic " + SECRET,
    "x" * 8000,
]


def own(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the exporter said, without the client that the tests use."""
    return [one for one in caplog.records if one.name.startswith("exporter")]


def test_a_success_is_passed_on(client: TestClient, listening: Listening) -> None:
    answer = client.post("/webhook", content=content(), headers=headers())
    assert (answer.status_code, answer.json()) == (202, {"event": "accepted"})
    assert listening.named == [(1, 77, "production")]
    assert listening.counted() == {"accepted": 1}


def test_every_outcome_is_counted_from_0(listening: Listening) -> None:
    listening.app()
    assert listening.outcomes == dict.fromkeys(
        ["accepted", "replayed", "ignored", "malformed", "unauthorized"], 0
    )


@pytest.mark.parametrize("token", WRONG)
def test_without_the_secret_nothing_is_read(
    client: TestClient, listening: Listening, token: str | None
) -> None:
    answer = client.post("/webhook", content=content(), headers=headers(token))
    assert (answer.status_code, answer.json()) == (401, {"error": "401 Unauthorized"})
    assert listening.named == []
    assert listening.counted() == {"unauthorized": 1}


def test_bytes_of_any_kind_are_no_secret(client: TestClient) -> None:
    for token in (b"\xff\xfe", b"\x80" * 18, "geheimnis-mit-ü".encode()):
        given_headers = [(b"x-gitlab-token", token), (b"content-type", b"application/json")]
        answer = client.post("/webhook", content=content(), headers=given_headers)
        assert answer.status_code == 401


def test_a_secret_may_have_letters_of_any_latin_kind(
    with_secret: Callable[[TokenSource], TestClient],
) -> None:
    secret = "geheimnis-für-gänse"
    assert secret_flaw(secret) is None
    client = with_secret(TokenSource(token=secret))
    given_headers = [
        (b"x-gitlab-token", secret.encode()),
        (b"content-type", b"application/json"),
    ]
    assert client.post("/webhook", content=content(), headers=given_headers).status_code == 202


def test_secrets_are_compared_in_constant_time_at_equal_length(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is given: Python's own comparison tells lengths by its time."""
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    class Spied:
        digest = staticmethod(hmac.digest)
        compare_digest = staticmethod(compare)

    monkeypatch.setattr(receiver, "hmac", Spied)
    for token in [*WRONG, SECRET]:
        client.post("/webhook", content=content(), headers=headers(token))
    assert len(compared) == len(WRONG) + 1
    assert {len(one) for pair in compared for one in pair} == {32}
    assert [one == other for one, other in compared] == [False] * len(WRONG) + [True]
    assert not [one for pair in compared for one in pair if SECRET.encode() in one]


def test_a_secret_in_a_file_is_followed(
    with_secret: Callable[[TokenSource], TestClient], secret_file: Path
) -> None:
    source = TokenSource(token_file=secret_file, key="webhook.secret_file", flaw=secret_flaw)
    client = with_secret(source)
    assert client.post("/webhook", content=content(), headers=headers()).status_code == 202
    secret_file.write_text("another-secret-of-the-hook")
    assert client.post("/webhook", content=content(), headers=headers()).status_code == 401
    given_headers = headers("another-secret-of-the-hook")
    answer = client.post("/webhook", content=content(deployment=78), headers=given_headers)
    assert answer.status_code == 202
    assert source.known() == (SECRET, "another-secret-of-the-hook")


@pytest.mark.parametrize("token", [SECRET, "short", "", "x" * 20])
def test_while_the_file_is_bad_nobody_is_let_in(
    with_secret: Callable[[TokenSource], TestClient],
    secret_file: Path,
    token: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """GitLab is told that it is for now; the log says which file."""
    source = TokenSource(token_file=secret_file, key="webhook.secret_file", flaw=secret_flaw)
    client = with_secret(source)
    secret_file.write_text("short")
    answer = client.post("/webhook", content=content(), headers=headers(token))
    assert answer.status_code == 503
    assert answer.json() == {"error": "503 Service Unavailable: the secret cannot be read"}
    (record,) = own(caplog)
    assert "webhook.secret_file" in record.__dict__["fields"]["error"]
    assert str(secret_file) in record.__dict__["fields"]["error"]


def test_a_replay_costs_nothing(client: TestClient, listening: Listening) -> None:
    for more in ({}, {"Idempotency_Key": "another"}, {"X_Gitlab_Event_UUID": "another"}):
        client.post("/webhook", content=content(), headers=headers(**more))
    client.post("/webhook", content=content(environment="staging"), headers=headers())
    assert listening.named == [(1, 77, "production")]
    assert listening.counted() == {"accepted": 1, "replayed": 3}


def test_events_that_one_event_led_to_are_no_replays(
    client: TestClient, listening: Listening
) -> None:
    """GitLab gives all of them one X-Gitlab-Event-UUID."""
    for deployment in (77, 78):
        client.post("/webhook", content=content(deployment=deployment), headers=headers())
    assert [deployment for _, deployment, _ in listening.named] == [77, 78]


def test_an_event_of_one_project_silences_no_other(
    client: TestClient, listening: Listening
) -> None:
    for project in (1, 2):
        client.post("/webhook", content=content(project=project), headers=headers())
    assert [project for project, *_ in listening.named] == [1, 2]


def test_replays_are_known_for_an_hour(client: TestClient, listening: Listening) -> None:
    client.post("/webhook", content=content(), headers=headers())
    listening.clock.advance(seconds=REMEMBERED_SECONDS - 1)
    assert client.post("/webhook", content=content(), headers=headers()).status_code == 200
    listening.clock.advance(seconds=2)
    assert client.post("/webhook", content=content(), headers=headers()).status_code == 202


def test_without_any_id_every_event_is_news(client: TestClient, listening: Listening) -> None:
    body = content(deployment=None, deployable_id=None)
    for _ in range(2):
        assert client.post("/webhook", content=body, headers=headers()).status_code == 202
    assert listening.named == [(1, None, "production")] * 2


@pytest.mark.parametrize(
    "body",
    [
        content(status="running"),
        content(status="failed"),
        content(object_kind="pipeline"),
        content(project=3),
        b"{}",
    ],
)
def test_what_is_of_no_use_is_taken_with_thanks(
    client: TestClient, listening: Listening, body: bytes
) -> None:
    """Else GitLab would disable the webhook."""
    answer = client.post("/webhook", content=body, headers=headers())
    assert (answer.status_code, answer.json()) == (200, {"event": "ignored"})
    assert listening.named == []
    assert listening.counted() == {"ignored": 1}


def test_the_end_of_a_deployment_is_news_after_its_begin(
    client: TestClient, listening: Listening
) -> None:
    """Both events are of the same deployment."""
    client.post("/webhook", content=content(status="running"), headers=headers())
    client.post("/webhook", content=content(), headers=headers())
    assert listening.named == [(1, 77, "production")]


def test_a_project_that_comes_into_scope_later_was_not_told_of(
    client: TestClient, listening: Listening
) -> None:
    client.post("/webhook", content=content(project=3), headers=headers())
    listening.scope.add(3)
    client.post("/webhook", content=content(project=3), headers=headers())
    assert listening.named == [(3, 77, "production")]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 50_000, content(project=-1)])
def test_malformed_bodies_are_refused(
    client: TestClient, listening: Listening, body: bytes
) -> None:
    answer = client.post("/webhook", content=body, headers=headers())
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("400 Bad Request: ")
    assert listening.counted() == {"malformed": 1}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 202),
        ("application/json; charset=utf-8", 202),
        ("Application/JSON", 202),
        ("", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonp", 415),
    ],
)
def test_events_are_json(client: TestClient, kind: str, status: int) -> None:
    given_headers = headers(Content_Type=kind)
    assert client.post("/webhook", content=content(), headers=given_headers).status_code == status


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_events_are_posted(client: TestClient, method: str) -> None:
    answer = client.request(method, "/webhook", headers=headers())
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def pieces(size: int, number: int) -> Iterator[bytes]:
    for _ in range(number):
        yield b" " * size


@pytest.mark.parametrize("chunked", [False, True])
def test_no_more_is_read_than_an_event_can_have(
    client: TestClient, listening: Listening, *, chunked: bool
) -> None:
    size = LARGEST // 4
    largest = content() + b" " * (LARGEST - len(content()))
    assert client.post("/webhook", content=largest, headers=headers()).status_code == 202
    body: Any = pieces(size, 5) if chunked else b" " * size * 5
    answer = client.post("/webhook", content=body, headers=headers())
    assert answer.status_code == 413
    assert listening.counted() == {"accepted": 1, "malformed": 1}


def test_events_of_other_kinds_are_taken_with_thanks_and_not_read(listening: Listening) -> None:
    """A push can have megabytes; to refuse it would disable the webhook."""
    assert asyncio.run(call(listening.app(), kind="Push Hook")) == (200, 0)
    assert listening.counted() == {"ignored": 1}


def test_an_event_without_the_header_of_its_kind_is_read(client: TestClient) -> None:
    """As from curl."""
    given_headers = headers()
    del given_headers["X-Gitlab-Event"]
    assert client.post("/webhook", content=content(), headers=given_headers).status_code == 202


async def call(
    app: Starlette, *messages: Message, token: str = SECRET, kind: str = "Deployment Hook"
) -> tuple[int | None, int]:
    """Call the application as a server does; return the status, and how often it wanted more."""
    waiting = list(messages)
    asked = 0
    sent: list[Message] = []

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhook",
        "raw_path": b"/webhook",
        "query_string": b"",
        "root_path": "",
        "headers": [
            (name.lower().encode(), value.encode())
            for name, value in headers(token, X_Gitlab_Event=kind).items()
        ],
    }
    await app(scope, receive, send)
    return (sent[0]["status"] if sent else None), asked


def piece(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_the_secret_is_looked_at_before_the_body_is(listening: Listening) -> None:
    assert asyncio.run(call(listening.app(), token="wrong")) == (401, 0)


def test_reading_ends_where_the_body_is_too_large(listening: Listening) -> None:
    messages = [piece(b" " * LARGEST), piece(b" "), piece(b" "), piece(b" ")]
    assert asyncio.run(call(listening.app(), *messages)) == (413, 2)


def test_a_body_in_pieces_is_put_together(listening: Listening) -> None:
    body = content()
    messages = [*(piece(body[at : at + 1]) for at in range(len(body))), piece(b"", more=False)]
    assert asyncio.run(call(listening.app(), *messages))[0] == 202
    assert listening.named == [(1, 77, "production")]


def test_a_body_that_never_ends_is_not_waited_for(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "BODY_SECONDS", 0.05)
    assert asyncio.run(call(listening.app(), piece(b"{"))) == (408, 2)
    assert listening.counted() == {"malformed": 1}


def test_a_caller_who_hangs_up_does_no_harm(listening: Listening) -> None:
    messages = [piece(b"{"), {"type": "http.disconnect"}]
    assert asyncio.run(call(listening.app(), *messages))[0] == 400
    assert listening.counted() == {"malformed": 1}


def test_refusals_are_told_of_once_a_minute(
    client: TestClient, listening: Listening, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="exporter"):
        for _ in range(10):
            client.post("/webhook", content=content(), headers=headers("wrong"))
        assert len(own(caplog)) == 1
        listening.clock.advance(seconds=61)
        client.post("/webhook", content=b"{", headers=headers())
    assert [one.levelname for one in own(caplog)] == ["WARNING"] * 2
    told = [one.__dict__["fields"] for one in own(caplog)]
    assert [one["status"] for one in told] == [401, 400]
    assert "wrong" not in str(told)
    assert SECRET not in str(told)


def test_what_is_remembered_is_bounded(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more events than are remembered the oldest are news again."""
    monkeypatch.setattr(receiver, "REMEMBERED", 5)
    with TestClient(listening.app()) as client:
        statuses = [
            client.post("/webhook", content=content(deployment=one), headers=headers()).status_code
            for one in (1, 2, 3, 4, 5, 6, 6, 2, 1)
        ]
    assert statuses == [202] * 6 + [200, 200, 202]


_BODIES = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda changes: json.dumps({**json.loads(content()), **changes}).encode(),
        st.dictionaries(
            st.sampled_from(["object_kind", "status", "project", "deployment_id", "environment"]),
            st.none()
            | st.booleans()
            | st.integers()
            | st.text(st.characters(codec=None), max_size=300)
            | st.dictionaries(st.sampled_from(["id", "x"]), st.integers() | st.text(), max_size=2),
        ),
    ),
)
_TOKENS = st.sampled_from([SECRET] * 5 + [SECRET[:-1]]) | st.text(
    st.characters(min_codepoint=33, max_codepoint=255)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(body=_BODIES, token=_TOKENS, kind=st.sampled_from(["application/json", "text/plain"]))
def test_whatever_comes_is_answered(
    client: TestClient, listening: Listening, body: bytes, token: str, kind: str
) -> None:
    given_headers = [
        (b"x-gitlab-token", token.encode("latin-1")),
        (b"content-type", kind.encode()),
    ]
    answer = client.post("/webhook", content=body, headers=given_headers)
    assert answer.status_code in {200, 202, 400, 401, 415}
    assert (answer.status_code == 401) == (token != SECRET)
    assert set(answer.json()) < {"event", "error"}
    assert all(project in {1, 2} for project, *_ in listening.named)
