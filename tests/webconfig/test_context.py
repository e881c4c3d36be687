"""What connections are served with: who gets one, and of which kind."""

import ssl
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509

from tests.webconfig.certificates import write
from tests.webconfig.handshake import Client, shake
from tests.webconfig.secured import CLIENT_NAME, FILES, MUTUAL, Secured

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
TLS11 = ssl.TLSVersion.TLSv1_1
OLD = "ALL:@SECLEVEL=0"


def context_of(secured: Secured, **tls: Any) -> ssl.SSLContext:
    context = secured.config({**FILES, **tls}).ssl_context()
    assert context
    return context


def test_http_1_1_over_tls_1_3_is_served(secured: Secured) -> None:
    _, client = shake(context_of(secured), Client(secured.folder, alpn=["h2", "http/1.1"]))
    assert client.version() == "TLSv1.3"
    assert client.selected_alpn_protocol() == "http/1.1"


def test_certificate_and_key_in_the_file_itself(secured: Secured) -> None:
    certificate, key = secured.servers.issue("server", x509.DNSName("localhost"))
    context = secured.config({"cert": certificate, "key": key}).ssl_context()
    assert context
    shake(context, Client(secured.folder))


def test_paths_begin_at_the_folder_of_the_file(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    shake(context_of(secured), Client(secured.folder))
    shake(context_of(secured, cert_file=str(secured.folder / "server.crt")), Client(secured.folder))


@pytest.mark.parametrize(
    ("tls", "offered", "got"),
    [
        ({}, (TLS12, TLS12), "TLSv1.2"),
        ({}, (TLS12, TLS13), "TLSv1.3"),
        ({}, (TLS11, TLS11), None),
        ({"min_version": "TLS13"}, (TLS12, TLS13), "TLSv1.3"),
        ({"min_version": "TLS13"}, (TLS12, TLS12), None),
        ({"max_version": "TLS12"}, (TLS12, TLS13), "TLSv1.2"),
        ({"max_version": "TLS12"}, (TLS13, TLS13), None),
        ({"min_version": "TLS11"}, (TLS11, TLS11), "TLSv1.1"),
        ({"min_version": "TLS10"}, (TLS11, TLS12), "TLSv1.2"),
        ({"min_version": "TLS10", "max_version": "TLS11"}, (TLS12, TLS13), None),
    ],
)
def test_versions(
    secured: Secured,
    tls: dict[str, str],
    offered: tuple[ssl.TLSVersion, ssl.TLSVersion],
    got: str | None,
) -> None:
    client = Client(secured.folder, versions=offered, ciphers=OLD)
    if got is None:
        with pytest.raises(ssl.SSLError):
            shake(context_of(secured, **tls), client)
    else:
        assert shake(context_of(secured, **tls), client)[1].version() == got


@pytest.mark.parametrize(
    ("auth", "nobody", "client", "stranger"),
    [
        ("NoClientCert", True, True, True),
        ("RequestClientCert", True, True, True),
        ("VerifyClientCertIfGiven", True, True, False),
        ("RequireAndVerifyClientCert", False, True, False),
    ],
)
def test_who_may_connect(
    secured: Secured, auth: str, nobody: bool, client: bool, stranger: bool
) -> None:
    tls = {"client_auth_type": auth}
    if auth != "NoClientCert":
        tls["client_ca_file"] = "clients.crt"
    context = context_of(secured, **tls)
    for identity, allowed in ((None, nobody), ("client", client), ("stranger", stranger)):
        shown = Client(secured.folder, identity=identity)
        if allowed:
            shake(context, shown)
        else:
            with pytest.raises(ssl.SSLError, match=r"did not return a certificate|verify failed"):
                shake(context, shown)


def test_the_authority_can_be_in_the_file_itself(secured: Secured) -> None:
    tls = {**MUTUAL, "client_ca": secured.clients.pem()}
    del tls["client_ca_file"]
    context = secured.config(tls).ssl_context()
    assert context
    shake(context, Client(secured.folder, identity="client"))


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        (x509.DNSName(CLIENT_NAME), CLIENT_NAME),
        (x509.RFC822Name("ops@example.com"), "ops@example.com"),
        (x509.IPAddress(ip_address("192.0.2.7")), "192.0.2.7"),
        (x509.IPAddress(ip_address("2001:db8::7")), "2001:db8::7"),
        (x509.UniformResourceIdentifier("spiffe://example/x"), "spiffe://example/x"),
    ],
)
def test_clients_are_chosen_by_name(secured: Secured, name: x509.GeneralName, allowed: str) -> None:
    write(secured.folder, "client", *secured.clients.issue("client", name))
    client = Client(secured.folder, identity="client")
    shake(context_of(secured, **MUTUAL, client_allowed_sans=["other", allowed]), client)
    for others in (["other"], [allowed[:-1]], [f"x{allowed}"]):
        with pytest.raises(ssl.SSLCertVerificationError, match="no allowed name"):
            shake(context_of(secured, **MUTUAL, client_allowed_sans=others), client)


def test_a_client_without_a_name_is_refused(secured: Secured) -> None:
    """The common name is none."""
    write(secured.folder, "client", *secured.clients.issue(CLIENT_NAME))
    with pytest.raises(ssl.SSLCertVerificationError, match="no allowed name"):
        shake(
            context_of(secured, **MUTUAL, client_allowed_sans=[CLIENT_NAME]),
            Client(secured.folder, identity="client"),
        )


def test_cipher_suites(secured: Secured) -> None:
    chosen = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"]
    context = context_of(secured, cipher_suites=chosen, max_version="TLS12")
    ends = shake(context, Client(secured.folder))
    assert (ends[1].cipher() or ("",))[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"
    with pytest.raises(ssl.SSLError):
        shake(context, Client(secured.folder, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"))


def test_cipher_suites_of_tls_1_3_alone_leave_nothing_else(secured: Secured) -> None:
    context = context_of(secured, cipher_suites=["TLS_AES_128_GCM_SHA256"])
    assert shake(context, Client(secured.folder))[1].version() == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        shake(context, Client(secured.folder, versions=(TLS12, TLS12)))


@pytest.mark.parametrize(("server_first", "got"), [(True, "256"), (False, "128")])
def test_whose_preference_of_ciphers_counts(secured: Secured, server_first: bool, got: str) -> None:
    names = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]
    context = context_of(
        secured,
        cipher_suites=names,
        prefer_server_cipher_suites=server_first,
        max_version="TLS12",
    )
    preference = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
    ends = shake(context, Client(secured.folder, ciphers=preference))
    assert f"AES{got}" in (ends[1].cipher() or ("",))[0]


@pytest.mark.parametrize(
    ("curve", "theirs", "other"),
    [
        ("CurveP256", "prime256v1", "secp521r1"),
        ("CurveP384", "secp384r1", "prime256v1"),
        ("CurveP521", "secp521r1", "prime256v1"),
        ("X25519", "X25519", "prime256v1"),
    ],
)
def test_a_curve(secured: Secured, curve: str, theirs: str, other: str) -> None:
    context = context_of(secured, curve_preferences=[curve])
    shake(context, Client(secured.folder, curve=theirs))
    with pytest.raises(ssl.SSLError):
        shake(context, Client(secured.folder, curve=other))


def test_without_tls_settings_there_is_no_tls(secured: Secured) -> None:
    assert secured.config().ssl_context() is None
