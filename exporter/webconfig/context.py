"""The TLS of new connections, made of settings and files."""

import os
import ssl
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from exporter.webconfig.connection import Connection, NamedConnection
from exporter.webconfig.material import Material, Part
from exporter.webconfig.models import TlsSettings
from exporter.webconfig.tls_names import CIPHERS, CURVES, VERSIONS

# As Python has them, with SHA-1, which is all that versions before TLS 1.2 have.
_OLD_CIPHERS = "@SECLEVEL=0:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:!aNULL:!eNULL:!aDSS:!AESCCM"


class MaterialError(Exception):
    """A certificate, key or authority cannot be used.

    Attributes:
        key: The key of ``tls_server_config`` that gave it.
        text: Why; it never shows what it holds.
    """

    def __init__(self, key: str, text: str) -> None:
        self.key = key
        self.text = text
        super().__init__(f"{key}: {text}")


def build_context(tls: TlsSettings, material: Material) -> ssl.SSLContext:
    """Return what new connections are served with.

    Raises:
        MaterialError: if a file cannot be read or used.
    """
    for part in material.parts():
        if part.flaw:
            raise MaterialError(part.key, part.flaw)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    _limit_versions(context, tls)
    _choose_ciphers(context, tls)
    for curve in tls.curve_preferences:
        context.set_ecdh_curve(CURVES[curve])
    _load_certificate(context, material.cert, material.key)
    if tls.verifies:
        _load_authorities(context, material.client_ca)
        required = tls.client_auth_type == "RequireAndVerifyClientCert"
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    context.sslobject_class = Connection
    if tls.client_allowed_sans:
        context.sslobject_class = NamedConnection.only(frozenset(tls.client_allowed_sans))
    return context


def _limit_versions(context: ssl.SSLContext, tls: TlsSettings) -> None:
    minimum = "TLS13" if tls.only_tls13_ciphers else tls.min_version
    with warnings.catch_warnings():
        # Python warns of the old ones; whoever asks for them was warned at start.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = VERSIONS[minimum]
        context.maximum_version = VERSIONS[tls.max_version]


def _choose_ciphers(context: ssl.SSLContext, tls: TlsSettings) -> None:
    old = VERSIONS[tls.min_version] < ssl.TLSVersion.TLSv1_2
    chosen = [CIPHERS[name] for name in tls.cipher_suites if name in CIPHERS]
    if chosen:
        context.set_ciphers(":".join([*(["@SECLEVEL=0"] if old else []), *chosen]))
    elif old:
        context.set_ciphers(_OLD_CIPHERS)
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE


def _load_certificate(context: ssl.SSLContext, cert: Part, key: Part) -> None:
    for part, marker in ((cert, b"-----BEGIN CERTIFICATE-----"), (key, b"PRIVATE KEY-----")):
        if part.content is None or marker not in part.content:
            what = "certificate" if part is cert else "private key"
            raise MaterialError(part.key, f"there is no {what} in PEM form in it")
    # Of what was read, so that files that change meanwhile are never mixed.
    with _as_file(cert.content or b"") as cert_path, _as_file(key.content or b"") as key_path:
        try:
            context.load_cert_chain(cert_path, key_path, password=_no_password)
        except _EncryptedError:
            raise MaterialError(key.key, "the private key is encrypted; decrypt it") from None
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise MaterialError(key.key, "the key is not that of the certificate") from None
            reason = error.reason or "unknown"
            raise MaterialError(
                cert.key, f"OpenSSL refuses certificate and key: {reason}"
            ) from None


class _EncryptedError(Exception):
    """OpenSSL asked for a password."""


def _no_password() -> NoReturn:
    raise _EncryptedError


def _load_authorities(context: ssl.SSLContext, authorities: Part) -> None:
    try:
        context.load_verify_locations(cadata=(authorities.content or b"").decode("ascii"))
    except (UnicodeDecodeError, ssl.SSLError, ValueError):
        raise MaterialError(
            authorities.key, "there are no certificates in PEM form in it"
        ) from None


@contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Give OpenSSL, which reads files only, a file; in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pem")
        with open(descriptor, "wb") as file:  # noqa: PTH123 - it has no path
            file.write(content)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
