"""Changes of the files count at once for what comes after; broken ones do not count."""

import logging
import ssl

import pytest

from exporter.webconfig import WebConfig
from exporter.webconfig.tls_names import CIPHERS
from tests.webconfig.handshake import Client, serial, shake
from tests.webconfig.secured import FILES, HASH, MUTUAL, Secured

REFUSED = "a change is refused, what was good before stays: "


def served(config: WebConfig) -> ssl.SSLContext:
    context = config.ssl_context()
    assert context
    return context


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was complained about since the last look."""
    found = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
    caplog.clear()
    return found


def test_new_connections_get_a_new_certificate_and_open_ones_go_on(secured: Secured) -> None:
    context = served(secured.config(FILES))
    server, client = shake(context, Client(secured.folder))
    secured.renew_server()
    _, later = shake(context, Client(secured.folder))
    assert serial(later) != serial(client)
    client.write(b"still here")
    assert server.read() == b"still here"
    assert serial(shake(context, Client(secured.folder))[1]) == serial(later)


def test_certificate_without_its_key_leaves_the_old_pair(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    """As it is between the two writes of a renewal; the log tells it once."""
    context = served(secured.config(FILES))
    before = serial(shake(context, Client(secured.folder))[1])
    old_key = (secured.folder / "server.key").read_text()
    secured.renew_server()
    new_key = (secured.folder / "server.key").read_text()
    (secured.folder / "server.key").write_text(old_key)
    for _ in range(3):
        assert serial(shake(context, Client(secured.folder))[1]) == before
    (told,) = errors(caplog)
    assert told.startswith(f"{REFUSED}{secured.path}:")
    assert told.endswith("tls_server_config.key_file: the key is not that of the certificate")
    (secured.folder / "server.key").write_text(new_key)
    assert serial(shake(context, Client(secured.folder))[1]) != before
    assert errors(caplog) == []


@pytest.mark.parametrize("name", ["server.crt", "server.key", "clients.crt"])
def test_a_file_that_goes_away_or_bad_leaves_what_was_good(
    secured: Secured, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    context = served(secured.config(MUTUAL))
    good = (secured.folder / name).read_bytes()
    client = Client(secured.folder, identity="client")
    for spoilt in (None, "no certificate"):
        (secured.folder / name).unlink(missing_ok=True)
        if spoilt:
            (secured.folder / name).write_text(spoilt)
        shake(context, client)
        with pytest.raises(ssl.SSLError):
            shake(context, Client(secured.folder))
        assert len(errors(caplog)) == 1
    (secured.folder / name).write_bytes(good)
    shake(context, client)
    assert errors(caplog) == []


def test_other_authorities_count_at_once(secured: Secured) -> None:
    context = served(secured.config(MUTUAL))
    client, stranger = (Client(secured.folder, identity=name) for name in ("client", "stranger"))
    shake(context, client)
    (secured.folder / "clients.crt").write_text(secured.servers.pem())
    with pytest.raises(ssl.SSLError):
        shake(context, client)
    with pytest.raises(ssl.SSLError):
        shake(context, stranger)


def test_settings_of_tls_count_at_once(secured: Secured) -> None:
    context = served(secured.config(FILES))
    shake(context, Client(secured.folder))
    secured.say(MUTUAL)
    with pytest.raises(ssl.SSLError):
        shake(context, Client(secured.folder))
    secured.say({**FILES, "max_version": "TLS12"})
    assert shake(context, Client(secured.folder))[1].version() == "TLSv1.2"


def test_users_change_though_the_certificate_is_broken(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever is taken out must not stay for want of a certificate."""
    config = secured.config(FILES, basic_auth_users={"alice": HASH, "bob": HASH})
    context = served(config)
    (secured.folder / "server.crt").unlink()
    secured.say(FILES, basic_auth_users={"alice": HASH})
    assert set(config.current().basic_auth_users) == {"alice"}
    shake(context, Client(secured.folder))
    assert "cert_file" in errors(caplog)[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{path}: tls_server_config: TLS is switched on and off by a restart only"),
        (
            "tls_server_config: {cert_file: server.crt, key_file: server.key}",
            "{path}: basic_auth_users: the last user is taken away by a restart only",
        ),
        ("basic_auth_users: {alice", "{path}:1: not valid YAML: "),
        ("basic_auth_users: {alice: hash}", "{path}:1: basic_auth_users: what the user 'alice'"),
        (None, "{path}: cannot be read: No such file or directory"),
    ],
)
def test_a_broken_change_leaves_what_was_good(
    secured: Secured, caplog: pytest.LogCaptureFixture, text: str | None, message: str
) -> None:
    """An emptied file, too: it may just be being written, and must not let everybody in."""
    config = secured.config(FILES, basic_auth_users={"alice": HASH})
    good = secured.path.read_text()
    if text is None:
        secured.path.unlink()
    else:
        secured.write(text)
    for _ in range(3):
        assert config.current().basic_auth_users == {"alice": HASH}
        shake(served(config), Client(secured.folder))
    (told,) = errors(caplog)
    assert told.startswith(REFUSED + message.replace("{path}", str(secured.path)))
    assert HASH not in told
    secured.write(good.replace("alice", "bob"))
    assert config.current().basic_auth_users == {"bob": HASH}


def test_what_this_openssl_lacks_leaves_what_was_good(
    secured: Secured, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = served(secured.config(FILES))
    name = next(iter(CIPHERS))
    monkeypatch.setitem(CIPHERS, name, "NO-SUCH-CIPHER")
    secured.say({**FILES, "cipher_suites": [name]})
    shake(context, Client(secured.folder))
    (told,) = errors(caplog)
    assert told.startswith(f"{REFUSED}{secured.path}:1: tls_server_config: TLS cannot be served")


def test_tls_is_not_switched_on_while_it_runs(
    secured: Secured, caplog: pytest.LogCaptureFixture
) -> None:
    config = secured.config(basic_auth_users={"alice": HASH})
    secured.say(FILES, basic_auth_users={"alice": HASH})
    assert config.current().tls_server_config is None
    assert errors(caplog)[0].endswith("TLS is switched on and off by a restart only")


def test_passwords_can_be_asked_for_from_now_on(secured: Secured) -> None:
    config = secured.config(FILES)
    secured.say(FILES, basic_auth_users={"alice": HASH})
    assert config.current().basic_auth_users == {"alice": HASH}
