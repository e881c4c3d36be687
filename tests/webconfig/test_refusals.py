"""What is wrong with a file is told by file, line and key, at start; nothing secret is told."""

import re
from pathlib import Path

import pytest

from exporter import cli
from exporter.config import ConfigError
from exporter.webconfig import WebConfig
from tests.webconfig.certificates import write
from tests.webconfig.secured import HASH, Secured

GOOD = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"
SECRET_TEXT = "Zq7-not-to-be-shown"
INLINE_KEY = f"""\
tls_server_config:
  cert_file: server.crt
  key: |
    -----BEGIN PRIVATE KEY-----
    {SECRET_TEXT}
    -----END PRIVATE KEY-----
"""

# What is wrong, and how the message begins after the file's name.
WRONG = [
    ("- a", "1: the top level must be a mapping of keys such as tls_server_config and basic_auth"),
    ("basic_auth_users: {alice: x", "1: not valid YAML"),
    ("colour: red", "1: colour: unknown key; allowed here: tls_server_config, http_server_config,"),
    ("tls_server_cfg: {}", "1: tls_server_cfg: unknown key; did you mean tls_server_config?"),
    ("basic_auth_excluded_paths: [/-/healthy]", "1: basic_auth_excluded_paths: unknown key"),
    (GOOD + "  cert_fil: x", "4: tls_server_config.cert_fil: unknown key; did you mean cert_file?"),
    (GOOD + GOOD, "4: tls_server_config: given twice"),
    ("tls_server_config: on", "1: tls_server_config: must be a mapping with the keys cert, key,"),
    ("tls_server_config: {}", "1: tls_server_config: cert_file is missing; write it, or cert"),
    ("tls_server_config: {min_version: TLS13}", "1: tls_server_config: cert_file is missing"),
    (GOOD[:-23], "1: tls_server_config: key_file is missing; write it, or key"),
    (GOOD + "  key: x", "1: tls_server_config: key and key_file are given together"),
    (
        GOOD.replace("server.crt", "7"),
        "2: tls_server_config.cert_file: must be the path of a file",
    ),
    (GOOD + "  cert: 7", "4: tls_server_config.cert: must be text in PEM form"),
    (
        GOOD.replace("server.crt", "''"),
        "1: tls_server_config: cert_file is missing; write it, or cert",
    ),
    (
        GOOD.replace("server.crt", "gone.crt"),
        "2: tls_server_config.cert_file: {folder}/gone.crt cannot be read: No such file",
    ),
    (
        GOOD.replace("server.key", "gone.key"),
        "3: tls_server_config.key_file: {folder}/gone.key cannot be read: No such file",
    ),
    (
        GOOD.replace("server.crt", "."),
        "2: tls_server_config.cert_file: {folder} cannot be read: Is a directory",
    ),
    (
        GOOD.replace("server.crt", "web.yml"),
        "2: tls_server_config.cert_file: there is no certificate in PEM form in it",
    ),
    (
        GOOD.replace("server.key", "server.crt"),
        "3: tls_server_config.key_file: there is no private key in PEM form in it",
    ),
    (
        GOOD.replace("server.key", "client.key"),
        "3: tls_server_config.key_file: the key is not that of the certificate",
    ),
    (
        GOOD.replace("server.key", "encrypted.key").replace("server.crt", "encrypted.crt"),
        "3: tls_server_config.key_file: the private key is encrypted; decrypt it",
    ),
    (
        GOOD.replace("server.crt", "damaged.crt"),
        "2: tls_server_config.cert_file: OpenSSL refuses certificate and key: ",
    ),
    (
        INLINE_KEY,
        "2: tls_server_config.cert_file: OpenSSL refuses certificate and key: ",
    ),
    (
        GOOD + "  client_auth_type: RequireCert",
        "4: tls_server_config.client_auth_type: 'RequireCert' is no client_auth_type; write one of",
    ),
    (
        GOOD + "  client_auth_type: RequireAnyClientCert\n  client_ca_file: clients.crt",
        "4: tls_server_config.client_auth_type: RequireAnyClientCert is not supported",
    ),
    (
        GOOD + "  client_auth_type: RequireClientCert",
        "4: tls_server_config.client_auth_type: RequireClientCert is not supported",
    ),
    (
        GOOD + "  client_auth_type: RequireAndVerifyClientCert",
        "1: tls_server_config: client_ca_file is missing; write it, or client_ca",
    ),
    (
        GOOD + "  client_ca_file: clients.crt",
        "1: tls_server_config: client_ca_file without client_auth_type asks nobody",
    ),
    (
        GOOD + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: gone.crt",
        "5: tls_server_config.client_ca_file: {folder}/gone.crt cannot be read: No such file",
    ),
    (
        GOOD + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: web.yml",
        "5: tls_server_config.client_ca_file: there are no certificates in PEM form in it",
    ),
    (
        GOOD + "  client_allowed_sans: [a]",
        "1: tls_server_config: client_allowed_sans needs client_auth_type: RequireAndVerify",
    ),
    (GOOD + "  client_allowed_sans: a", "4: tls_server_config.client_allowed_sans: must be a list"),
    (
        GOOD + "  min_version: TLS1.2",
        "4: tls_server_config.min_version: 'TLS1.2' is no TLS version; write one of TLS10,",
    ),
    (GOOD + "  min_version: 1.2", "4: tls_server_config.min_version: 1.2 is no TLS version"),
    (GOOD + "  max_version: SSL30", "4: tls_server_config.max_version: 'SSL30' is no TLS version"),
    (
        GOOD + "  min_version: TLS13\n  max_version: TLS12",
        "1: tls_server_config: min_version TLS13 is above max_version TLS12",
    ),
    (
        GOOD + "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]",
        "4: tls_server_config.cipher_suites[0]: 'TLS_RSA_WITH_RC4_128_SHA' is no cipher suite",
    ),
    (
        GOOD + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n  max_version: TLS12",
        "1: tls_server_config: cipher_suites has none for TLS12",
    ),
    (
        GOOD + "  curve_preferences: [P-256]",
        "4: tls_server_config.curve_preferences[0]: 'P-256' is no curve; write one of CurveP256,",
    ),
    (
        GOOD + "  curve_preferences: [X25519, CurveP256]",
        "4: tls_server_config.curve_preferences: several curves cannot be chosen",
    ),
    (
        GOOD + "  prefer_server_cipher_suites: 7",
        "4: tls_server_config.prefer_server_cipher_suites: 7 is not a boolean",
    ),
    ("http_server_config: {http2: 3}", "1: http_server_config.http2: 3 is not a boolean"),
    (
        "http_server_config: {headers: [a]}",
        "1: http_server_config.headers: must be a mapping of header names",
    ),
    (
        "http_server_config:\n  headers: {X-Frame-Option: deny}",
        "2: http_server_config.headers: the header 'X-Frame-Option' cannot be set; write one of",
    ),
    (
        "http_server_config:\n  headers: {X-Frame-Options: all}",
        "2: http_server_config.headers: 'all' is not allowed for X-Frame-Options; write deny or",
    ),
    (
        "http_server_config:\n  headers: {X-Content-Type-Options: sniff}",
        "2: http_server_config.headers: 'sniff' is not allowed for X-Content-Type-Options",
    ),
    (
        "http_server_config:\n  headers: {X-XSS-Protection: true}",
        "2: http_server_config.headers: the value of X-XSS-Protection must be plain text in one",
    ),
    (
        'http_server_config:\n  headers: {X-XSS-Protection: "1\\r\\nSet-Cookie: a=b"}',
        "2: http_server_config.headers: the value of X-XSS-Protection must be plain text in one",
    ),
    ("basic_auth_users: [alice]", "1: basic_auth_users: must be a mapping of user names to bcrypt"),
    (
        f"basic_auth_users:\n  alice: {SECRET_TEXT}",
        "1: basic_auth_users: what the user 'alice' has is no bcrypt hash",
    ),
    (
        f"basic_auth_users:\n  alice: {HASH[:-1]}",
        "1: basic_auth_users: what the user 'alice' has is no bcrypt hash",
    ),
    (
        f"basic_auth_users:\n  alice: {HASH.replace('$2b$04', '$2b$03')}",
        "1: basic_auth_users: what the user 'alice' has is no bcrypt hash",
    ),
    (
        f"basic_auth_users:\n  'alice:': {HASH}",
        "1: basic_auth_users: the user 'alice:' holds a colon",
    ),
    ("rate_limit: {interval: 1 second}", "1: rate_limit.interval: '1 second' is not a duration"),
    ("rate_limit: {interval: 1s}", "1: rate_limit: burst is missing"),
    ("rate_limit: {interval: 1s, burst: 0}", "1: rate_limit: burst is missing or 0"),
    ("rate_limit: {interval: 1s, burst: -1}", "1: rate_limit.burst: -1 is below 1"),
    ("rate_limit: {interval: 1000}", "1: rate_limit.interval: '1000' is not a duration"),
]


@pytest.fixture
def folder(secured: Secured) -> Path:
    """A folder with damaged things besides good ones."""
    folder = secured.folder
    write(folder, "encrypted", *secured.servers.issue("x", password=SECRET_TEXT))
    lines = (folder / "server.crt").read_text().splitlines()
    (folder / "damaged.crt").write_text("\n".join([*lines[:3], *lines[5:]]))
    return folder


@pytest.mark.parametrize(("content", "message"), WRONG, ids=[one for _, one in WRONG])
def test_a_wrong_file_is_refused_by_its_key(folder: Path, content: str, message: str) -> None:
    path = folder / "web.yml"
    path.write_text(content)
    with pytest.raises(ConfigError) as refused:
        WebConfig(path)
    (told,) = refused.value.messages
    assert told.startswith(f"{path}:{message.replace('{folder}', str(folder))}")
    for secret in (SECRET_TEXT, HASH[7:], HASH[10:20]):
        assert secret not in told


def test_all_that_is_wrong_is_told_at_once(folder: Path) -> None:
    path = folder / "web.yml"
    path.write_text("colour: red\nbasic_auth_users: 7\nrate_limit: {burst: x}\n")
    with pytest.raises(ConfigError) as refused:
        WebConfig(path)
    assert [one.split(": ")[1] for one in refused.value.messages] == [
        "colour",
        "basic_auth_users",
        "rate_limit.burst",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read: No such file or directory"), (b"\xff", "not valid UTF-8")],
)
def test_a_file_that_is_none(folder: Path, content: bytes | None, message: str) -> None:
    path = folder / "web.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}.*{message}"):
        WebConfig(path)


@pytest.mark.parametrize("command", ["run", "check-config"])
def test_commands_refuse_both_files_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """Before anything is begun."""
    (folder / "config.yaml").write_text("gitlab: {token: x}\nprojects: [a/b]\ncolour: red\n")
    (folder / "web.yml").write_text("colour: blue")
    files = ("--config.file", str(folder / "config.yaml"))
    web = ("--web.config.file", str(folder / "web.yml"))
    assert cli.main([command, *files, *web]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.partition(": unknown")[0] for line in err.splitlines()] == [
        f"{folder}/config.yaml:3: colour",
        f"{folder}/web.yml:1: colour",
    ]
    assert not list(folder.glob("*.db"))


def test_the_demo_refuses_it_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "web.yml").write_text("colour: blue")
    assert cli.main(["demo", "--web.config.file", str(folder / "web.yml")]) == 1
    assert "web.yml:1: colour: unknown key" in capsys.readouterr().err


def test_what_is_allowed_but_doubtful_is_warned_of(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_TOKEN", "glpat-Zq7TokenOfTheTests")
    monkeypatch.setenv("GITLAB_DORA_PROJECTS", "group/app")
    monkeypatch.chdir(folder)
    for content, warning in (
        ("http_server_config: {http2: true}", "http_server_config.http2: HTTP/2 is not spoken"),
        ("http_server_config: {http2: false}", None),
        (f"basic_auth_users: {{alice: '{HASH}'}}", "basic_auth_users: without tls_server_config"),
        (f"{GOOD}basic_auth_users: {{alice: '{HASH}'}}", None),
        (
            f"{GOOD}basic_auth_users: {{alice: '{HASH.replace('$04$', '$15$')}'}}",
            "basic_auth_users: the hash of 'alice' has a cost of 15",
        ),
        (f"{GOOD}  min_version: TLS10", "tls_server_config.min_version: TLS10 lets"),
        (f"{GOOD}  client_auth_type: RequestClientCert", "tls_server_config.client_auth_type: Req"),
        ("", None),
    ):
        (folder / "web.yml").write_text(content)
        assert cli.main(["check-config", "--web.config.file", "web.yml"]) == 0
        out, err = capsys.readouterr()
        assert out == "configuration is valid\n"
        assert err.startswith(f"warning: {warning}") if warning else err == ""
