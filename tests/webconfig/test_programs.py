"""The running exporter, its web configuration, and curl."""

import http.client
import re
import signal
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from exporter.simulator import DEFAULT_TOKEN
from tests.webconfig.handshake import Client
from tests.webconfig.secured import CLIENT_NAME, FILES, HASH, MUTUAL, PASSWORD, Secured
from tests.webconfig.serving import WEBHOOK_SECRET, Serving, serving

PASSWORDS = {"basic_auth_users": {"alice": HASH}}
KINDS: dict[str, dict[str, Any]] = {
    "TLS": {"tls": FILES},
    "mutual TLS": {"tls": MUTUAL},
    "passwords": {"tls": FILES, **PASSWORDS},
    "both": {"tls": MUTUAL, **PASSWORDS},
    "TLS 1.3": {"tls": {**FILES, "min_version": "TLS13"}},
    "old TLS": {"tls": {**FILES, "min_version": "TLS10"}},
}

TRUST = ("--cacert", "ca.crt")
CLIENT = ("--cert", "client.crt", "--key", "client.key")
STRANGER = ("--cert", "stranger.crt", "--key", "stranger.key")
ALICE = ("--user", f"alice:{PASSWORD}")
WRONG_PASSWORD = ("--user", "alice:guess")
WRONG_USER = ("--user", f"bob:{PASSWORD}")
OLD = ("--ciphers", "DEFAULT:@SECLEVEL=0", "--tls-max", "1.1")

NO_HANDSHAKE, NOT_TRUSTED = {35}, {60}
BROKEN_OFF = {52, 56}
"""Exit codes of curl."""
PAGE, UNAUTHORIZED = {200}, {401}


@pytest.fixture(scope="module")
def without_passwords(
    first_secured: Secured, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    secured = first_secured.copied(tmp_path_factory.mktemp("without"))
    secured.say(FILES)
    with serving(secured) as running:
        yield running


@pytest.fixture(scope="module")
def with_passwords(
    first_secured: Secured, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    secured = first_secured.copied(tmp_path_factory.mktemp("with"))
    secured.say(FILES, **PASSWORDS)
    with serving(secured) as running:
        yield running


def look(serving_tls: Serving, kind: str, options: tuple[str, ...], expected: set[int]) -> None:
    """Ask for the metrics. The exporter is not restarted for another kind: it follows its file."""
    serving_tls.secured.say(**KINDS[kind])
    answer = serving_tls.curl("/metrics", *options)
    assert (answer.code or answer.status) in expected, answer.error
    assert ("alert" in answer.error) == (expected in (NO_HANDSHAKE, BROKEN_OFF))
    assert answer.body.startswith("# HELP") == (expected == PAGE)


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("TLS", TRUST, PAGE),
        ("TLS", (), NOT_TRUSTED),
        ("TLS", ("--cacert", "clients.crt"), NOT_TRUSTED),
        ("TLS", (*TRUST, *OLD), NO_HANDSHAKE),
        ("TLS", (*TRUST, "--tls-max", "1.2"), PAGE),
        ("TLS", (*TRUST, "--http2"), PAGE),
        ("TLS 1.3", (*TRUST, "--tls-max", "1.2"), NO_HANDSHAKE),
        ("TLS 1.3", TRUST, PAGE),
        ("old TLS", (*TRUST, *OLD), PAGE),
        ("mutual TLS", (*TRUST, *CLIENT), PAGE),
        ("mutual TLS", TRUST, BROKEN_OFF),
        ("mutual TLS", (*TRUST, *STRANGER), BROKEN_OFF),
    ],
)
def test_who_gets_in(
    without_passwords: Serving, kind: str, options: tuple[str, ...], expected: set[int]
) -> None:
    look(without_passwords, kind, options, expected)


def test_clients_are_chosen_by_name(without_passwords: Serving) -> None:
    for names, expected in (([CLIENT_NAME], {0}), (["other.example.com"], BROKEN_OFF)):
        without_passwords.secured.say({**MUTUAL, "client_allowed_sans": names})
        assert without_passwords.curl("/metrics", *TRUST, *CLIENT).code in expected


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("passwords", (*TRUST, *ALICE), PAGE),
        ("passwords", (*TRUST, *WRONG_PASSWORD), UNAUTHORIZED),
        ("passwords", (*TRUST, *WRONG_USER), UNAUTHORIZED),
        ("passwords", TRUST, UNAUTHORIZED),
        ("both", (*TRUST, *CLIENT, *ALICE), PAGE),
        ("both", (*TRUST, *CLIENT, *WRONG_PASSWORD), UNAUTHORIZED),
        ("both", (*TRUST, *CLIENT), UNAUTHORIZED),
        ("both", (*TRUST, *ALICE), BROKEN_OFF),
    ],
)
def test_who_gets_in_where_passwords_are_asked_for(
    with_passwords: Serving, kind: str, options: tuple[str, ...], expected: set[int]
) -> None:
    look(with_passwords, kind, options, expected)


def test_what_is_no_tls_gets_no_answer(without_passwords: Serving) -> None:
    answer = without_passwords.curl("/metrics", scheme="http")
    assert answer.code in BROKEN_OFF
    assert answer.body == ""


def test_callers_of_the_api_show_a_password_and_their_token(with_passwords: Serving) -> None:
    with_passwords.secured.say(**KINDS["passwords"])
    path = "/api/v4/groups/acme/dora/metrics?metric=deployment_frequency"
    token = ("--header", f"PRIVATE-TOKEN: {DEFAULT_TOKEN}")
    assert with_passwords.curl(path, *TRUST, *ALICE, *token).status == 200
    without = with_passwords.curl(path, *TRUST, *ALICE)
    assert (without.status, without.body) == (401, '{"message":"401 Unauthorized"}')
    refused = with_passwords.curl(path, *TRUST, *token)
    assert (refused.status, refused.body) == (401, "Unauthorized\n")


def test_gitlab_shows_the_password_of_its_webhooks_url(with_passwords: Serving) -> None:
    with_passwords.secured.say(**KINDS["passwords"])
    event = (
        *("--header", f"X-Gitlab-Token: {WEBHOOK_SECRET}"),
        *("--header", "Content-Type: application/json"),
        *("--data", '{"object_kind": "deployment", "status": "running", "project": {"id": 1}}'),
        *TRUST,
    )
    user = f"alice:{PASSWORD.replace(' ', '%20')}"
    named = f"https://{user}@{with_passwords.address}/webhook"
    answer = with_passwords.curl("/-/healthy", *event, named, *ALICE)
    assert '{"event":"ignored"}' in answer.body
    assert with_passwords.curl("/webhook", *event).status == 401


def connection(serving_tls: Serving) -> http.client.HTTPSConnection:
    context = Client(serving_tls.secured.folder).context()
    return http.client.HTTPSConnection(serving_tls.address, timeout=30, context=context)


def healthy(open_connection: http.client.HTTPSConnection) -> bool:
    open_connection.request("GET", "/-/healthy")
    return open_connection.getresponse().read() == b"healthy\n"


def number(open_connection: http.client.HTTPSConnection) -> object:
    assert isinstance(open_connection.sock, ssl.SSLSocket)
    return (open_connection.sock.getpeercert() or {})["serialNumber"]


def test_the_certificate_is_renewed_while_connections_go_on(without_passwords: Serving) -> None:
    """An open connection stays; of those that begin all the while none fails; later ones see it."""
    without_passwords.secured.say(FILES)
    stays = connection(without_passwords)
    assert healthy(stays)
    renewed = Event()

    def begin_again_and_again() -> set[object]:
        seen = set()
        while not renewed.is_set():
            one = connection(without_passwords)
            assert healthy(one)
            seen.add(number(one))
            one.close()
        return seen

    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(begin_again_and_again) for _ in range(2)]
        try:
            for _ in range(5):
                without_passwords.secured.renew_server()
                one = connection(without_passwords)
                assert healthy(one)
                last = number(one)
                one.close()
        finally:
            renewed.set()
        seen = set[object]().union(*(one.result(30) for one in busy))
    assert seen
    assert last != number(stays)
    assert healthy(stays)
    stays.close()


@pytest.mark.long
def test_it_ends_in_time_and_tells_no_secret(secured: Secured) -> None:
    """With a connection open; whatever came before, good or broken."""
    secured.say(FILES, **PASSWORDS)
    with serving(secured) as running:
        assert running.curl("/metrics", *TRUST, *ALICE).status == 200
        assert running.curl("/metrics", *TRUST, *WRONG_PASSWORD).status == 401
        secured.write(f"basic_auth_users: {{alice: '{HASH}', bob: '{HASH[:-1]}'}}")
        (secured.folder / "server.key").write_text((secured.folder / "client.key").read_text())
        assert running.curl("/metrics", *TRUST, *ALICE).status == 200
        stays = connection(running)
        assert not healthy(stays)
        assert running.process.end(signal.SIGTERM, 10) == 0
        stays.close()
    told = "".join(running.process.output + running.process.errors)
    assert re.search("a change is refused.*the user 'bob' has is no bcrypt hash", told)
    assert "a change is refused, what was good before stays: web.yml:" in told
    assert "key_file: the key is not that of the certificate" in told
    assert "Traceback" not in told
    key = (secured.folder / "client.key").read_text().splitlines()[1]
    for secret in (PASSWORD, "guess", HASH[7:-1], "Basic ", key):
        assert secret not in told


@pytest.mark.long
def test_passwords_without_tls(secured: Secured) -> None:
    secured.say(**PASSWORDS)
    with serving(secured) as plain:
        for options, status in ((ALICE, 200), (WRONG_PASSWORD, 401), (WRONG_USER, 401), ((), 401)):
            assert plain.curl("/metrics", *options, scheme="http").status == status
        assert plain.curl("/metrics", *TRUST, *ALICE).code in NO_HANDSHAKE
