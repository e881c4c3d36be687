"""Any bytes where a token or a password belongs."""

import asyncio
import base64

from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Scope

from exporter.api.access import read_credential
from exporter.webconfig.guard import Guard
from exporter.webconfig.models import WebSettings
from tests.webconfig.secured import HASH, PASSWORD

QUICK = settings(max_examples=100, deadline=None, derandomize=True, database=None)

SCHEMES = st.sampled_from([b"", b"Bearer ", b"bearer  ", b"Basic ", b"BASIC\t", b"Digest "])
ENCODED = st.binary(max_size=100).map(base64.b64encode)
USERS = st.tuples(
    st.sampled_from([b"scraper", b"nobody", b"", b"\xff", b"scraper\0"]),
    st.sampled_from([b":", b"", b"::"]),
    st.one_of(st.just(PASSWORD.encode()), st.binary(max_size=100)),
).map(lambda parts: base64.b64encode(b"".join(parts)))
VALUES = st.tuples(SCHEMES, st.one_of(st.binary(max_size=100), ENCODED, USERS)).map(b"".join)
HEADERS = st.lists(
    st.tuples(st.sampled_from([b"private-token", b"authorization"]), VALUES), max_size=4
)


def scope_of(headers: list[tuple[bytes, bytes]], query: bytes = b"") -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "path": "/metrics",
        "query_string": query,
        "headers": headers,
    }


@given(headers=HEADERS, query=st.binary(max_size=50).map(lambda more: b"private_token=" + more))
@QUICK
def test_any_token_is_taken_as_text_that_a_header_may_carry_or_not_at_all(
    headers: list[tuple[bytes, bytes]], query: bytes
) -> None:
    found = read_credential(Request(scope_of(headers, query)))
    if found is not None:
        (value,) = found.headers().values()
        assert value.isascii()
        assert value.isprintable()
        assert "\n" not in value


async def status_of(scope: Scope) -> int:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    guard = Guard(
        PlainTextResponse("let in"),
        lambda: WebSettings.model_validate({"basic_auth_users": {"scraper": HASH}}),
    )
    await guard(scope, receive, send)
    return int(sent[0]["status"])


@given(headers=HEADERS)
@example(headers=[(b"authorization", b"Basic " + base64.b64encode(b"scraper:a\0b"))])
@example(headers=[(b"authorization", b"Basic " + base64.b64encode(b"scraper:" + b"x" * 100))])
@QUICK
def test_any_password_is_right_or_wrong(headers: list[tuple[bytes, bytes]]) -> None:
    assert asyncio.run(status_of(scope_of(headers))) in {200, 401}


def test_the_right_password_is_right() -> None:
    right = base64.b64encode(b"scraper:" + PASSWORD.encode())
    assert asyncio.run(status_of(scope_of([(b"authorization", b"Basic " + right)]))) == 200
