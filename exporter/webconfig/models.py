"""The keys of the web configuration, their kinds and their defaults."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    SecretStr,
    model_validator,
)

from exporter.config.duration import Duration
from exporter.config.fields import Boolean, Count, Text, refusal, shown
from exporter.config.models import Section
from exporter.config.suggestion import did_you_mean
from exporter.webconfig.go_duration import in_prometheus_notation
from exporter.webconfig.tls_names import (
    CIPHERS,
    CIPHERS_OF_TLS13,
    CLIENT_AUTHS,
    CURVES,
    VERSIONS,
    ClientAuth,
    Version,
)

# The salt ends in a character whose last four bits are not used.
_BCRYPT = re.compile(
    r"\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./0-9A-Za-z]{21}[.Oeu][./0-9A-Za-z]{31}"
)

HEADERS: dict[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that answers can be given, with the values that are allowed where not all are."""

_COSTLY = 14
"""At more, comparing a password takes seconds."""

_UNVERIFIED = ("RequireAnyClientCert", "RequireClientCert")


def cost(bcrypt_hash: str) -> int:
    """How many times a password is hashed, as a power of two."""
    return int(bcrypt_hash[4:6])


def _one_of(what: str, allowed: tuple[str, ...], value: object) -> str:
    if isinstance(value, str) and value in allowed:
        return value
    hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
    raise refusal(f"{shown(value)} is no {what}; write one of {', '.join(allowed)}{hint}")


def _version(value: object) -> str:
    return _one_of("TLS version", tuple(VERSIONS), value)


def _cipher(value: object) -> str:
    return _one_of("cipher suite", (*CIPHERS, *CIPHERS_OF_TLS13), value)


def _curve(value: object) -> str:
    return _one_of("curve", tuple(CURVES), value)


def _client_auth(value: object) -> str:
    chosen = _one_of("client_auth_type", CLIENT_AUTHS, value)
    if chosen in _UNVERIFIED:
        raise refusal(
            f"{chosen} is not supported: it would let in whoever makes a certificate;"
            " write RequireAndVerifyClientCert"
        )
    return chosen


def _one_curve(curves: tuple[str, ...]) -> tuple[str, ...]:
    if len(curves) > 1:
        raise refusal(
            "several curves cannot be chosen with Python's TLS; write one, or leave the key out"
        )
    return curves


def _file_name(value: object) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise refusal("must be the path of a file; relative ones begin at this file's folder")
    return Path(value)


def _pem(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise refusal("must be text in PEM form; write it as a block: key, |, and indented lines")
    return value


def _secret_pem(value: object) -> SecretStr:
    return SecretStr(_pem(value))


def _users(value: object) -> Mapping[str, str]:
    # A hash is a secret: none of these messages shows one.
    if not isinstance(value, dict):
        raise refusal("must be a mapping of user names to bcrypt hashes")
    for name, password in value.items():
        if ":" in name:
            raise refusal(f"the user {shown(name)} holds a colon, which ends the name for clients")
        if not isinstance(password, str) or not _BCRYPT.fullmatch(password):
            raise refusal(
                f"what the user {shown(name)} has is no bcrypt hash;"
                " write what htpasswd -nBC 10 \"\" | tr -d ':\\n' says"
            )
    return value


def _headers(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise refusal("must be a mapping of header names to their values")
    for name, text in value.items():
        if name not in HEADERS:
            hint = did_you_mean(name, HEADERS)
            raise refusal(
                f"the header {shown(name)} cannot be set; write one of {', '.join(HEADERS)}{hint}"
            )
        if text is None or text == "":
            continue
        allowed = HEADERS[name]
        if allowed and text not in allowed:
            raise refusal(f"{shown(text)} is not allowed for {name}; write {' or '.join(allowed)}")
        plain = str(text) if type(text) is int else text  # the 0 of X-XSS-Protection
        if not isinstance(plain, str) or not plain.isascii() or not plain.isprintable():
            raise refusal(
                f"the value of {name} must be plain text in one line; put quotes around it"
            )
    return {name: str(text) for name, text in value.items() if text not in {None, ""}}


FileName = Annotated[Path, PlainValidator(_file_name)]
Pem = Annotated[str, PlainValidator(_pem)]
SecretPem = Annotated[SecretStr, PlainValidator(_secret_pem)]
Users = Annotated[Mapping[str, str], PlainValidator(_users), Field(repr=False)]
Headers = Annotated[Mapping[str, str], PlainValidator(_headers)]
Curves = Annotated[tuple[Annotated[str, PlainValidator(_curve)], ...], AfterValidator(_one_curve)]


_TEXTS = frozenset(
    ("cert", "key", "client_ca", "cert_file", "key_file", "client_ca_file", "client_auth_type")
)
"""Keys of ``tls_server_config`` that may be empty."""


class TlsSettings(Section):
    """The server's certificate, and what is asked of its clients."""

    cert: Pem | None = None
    key: SecretPem | None = None
    client_ca: Pem | None = None
    cert_file: FileName | None = None
    key_file: FileName | None = None
    client_ca_file: FileName | None = None
    client_auth_type: Annotated[ClientAuth, PlainValidator(_client_auth)] = "NoClientCert"
    client_allowed_sans: tuple[Text, ...] = ()
    min_version: Annotated[Version, PlainValidator(_version)] = "TLS12"
    max_version: Annotated[Version, PlainValidator(_version)] = "TLS13"
    cipher_suites: tuple[Annotated[str, PlainValidator(_cipher)], ...] = ()
    prefer_server_cipher_suites: Boolean = True
    curve_preferences: Curves = ()

    @model_validator(mode="before")
    @classmethod
    def _empty_is_not_given(cls, data: object) -> object:
        """Leave out keys that are empty text, which templates write where there is nothing."""
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value != "" or key not in _TEXTS}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        flaw = self._flaw_of_files() or self._flaw_of_clients() or self._flaw_of_versions()
        if flaw:
            raise refusal(flaw)
        return self

    @property
    def verifies(self) -> bool:
        """Whether certificates of clients are verified, where they show one."""
        return self.client_auth_type in {"VerifyClientCertIfGiven", "RequireAndVerifyClientCert"}

    def _flaw_of_files(self) -> str | None:
        for name, needed in (("cert", True), ("key", True), ("client_ca", self.verifies)):
            given = [getattr(self, key) is not None for key in (name, f"{name}_file")]
            if all(given):
                return f"{name} and {name}_file are given together; keep one of the two"
            if needed and not any(given):
                return f"{name}_file is missing; write it, or {name}"
        return None

    def _flaw_of_clients(self) -> str | None:
        if (self.client_ca or self.client_ca_file) and self.client_auth_type == "NoClientCert":
            return (
                "client_ca_file without client_auth_type asks nobody for a certificate;"
                " write client_auth_type: RequireAndVerifyClientCert"
            )
        if self.client_allowed_sans and self.client_auth_type != "RequireAndVerifyClientCert":
            return "client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert"
        return None

    def _flaw_of_versions(self) -> str | None:
        if VERSIONS[self.min_version] > VERSIONS[self.max_version]:
            return f"min_version {self.min_version} is above max_version {self.max_version}"
        if self.only_tls13_ciphers and self.max_version != "TLS13":
            return f"cipher_suites has none for {self.max_version}, which max_version asks for"
        return None

    @property
    def only_tls13_ciphers(self) -> bool:
        """Whether the listed cipher suites leave TLS 1.3 alone."""
        return bool(self.cipher_suites) and not set(self.cipher_suites) & CIPHERS.keys()


class HttpSettings(Section):
    """How HTTP is spoken."""

    http2: Boolean | None = None
    headers: Headers = Field(default_factory=dict)


def _none_of_zero(value: object) -> object:
    """Take a burst of 0 for none: where there is no limit it says nothing."""
    return None if value == 0 and not isinstance(value, bool) else value


class RateLimit(Section):
    """A bucket that holds ``burst`` requests, and gets one more in each ``interval``."""

    interval: Annotated[Duration, BeforeValidator(in_prometheus_notation)] = Duration.parse("0")
    burst: Annotated[Count | None, BeforeValidator(_none_of_zero)] = None

    @model_validator(mode="after")
    def _lets_some_through(self) -> Self:
        if self.interval.timedelta and self.burst is None:
            raise refusal("burst is missing or 0, so no request would be answered; write 1 or more")
        return self


class WebSettings(Section):
    """Everything in the file."""

    tls_server_config: TlsSettings | None = None
    http_server_config: HttpSettings = HttpSettings()
    basic_auth_users: Users = Field(default_factory=dict)
    rate_limit: RateLimit = RateLimit()

    def warnings(self) -> list[str]:
        """What is allowed but worth a word at start, one line each, naming the key."""
        found = []
        tls = self.tls_server_config
        if self.http_server_config.http2:
            found.append("http_server_config.http2: HTTP/2 is not spoken; clients use HTTP/1.1")
        found += [
            f"basic_auth_users: the hash of {shown(name)} has a cost of {cost(known)},"
            " so that its password takes seconds to compare"
            for name, known in self.basic_auth_users.items()
            if cost(known) > _COSTLY
        ]
        if self.basic_auth_users and tls is None:
            found.append(
                "basic_auth_users: without tls_server_config passwords travel in the clear"
            )
        if tls is not None and tls.client_auth_type == "RequestClientCert":
            found.append(
                "tls_server_config.client_auth_type: RequestClientCert verifies nothing,"
                " so no certificate is asked for"
            )
        if tls is not None and tls.min_version in {"TLS10", "TLS11"}:
            found.append(
                f"tls_server_config.min_version: {tls.min_version} lets clients choose weak ciphers"
            )
        return found
