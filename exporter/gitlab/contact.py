"""Why a connection to GitLab does not come about, and until when its certificate holds."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from enum import StrEnum
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import NameResolutionError

from exporter.gitlab.errors import GitLabError, UnavailableError
from exporter.instant import MICROSECONDS, Instant


class Trouble(StrEnum):
    """What keeps a connection from coming about."""

    UNKNOWN_HOST = "unknown host"
    REFUSED = "refused"
    NO_ANSWER = "no answer"
    PROXY = "proxy"
    EXPIRED = "certificate expired"
    NOT_YET_VALID = "certificate not yet valid"
    WRONG_HOST = "certificate of another host"
    SELF_SIGNED = "certificate self-signed"
    UNTRUSTED = "certificate untrusted"
    NO_TLS = "no TLS"
    AUTHORITIES = "authorities unusable"
    CUT = "cut"


# Of OpenSSL's X509_verify_cert_error_string.
_VERDICTS = {
    9: Trouble.NOT_YET_VALID,
    10: Trouble.EXPIRED,
    18: Trouble.SELF_SIGNED,
    62: Trouble.WRONG_HOST,
    64: Trouble.WRONG_HOST,
}

_SIGNS: tuple[tuple[tuple[type[BaseException], ...], Trouble], ...] = (
    ((requests.exceptions.ProxyError,), Trouble.PROXY),
    ((ssl.SSLError,), Trouble.CUT),
    ((NameResolutionError, socket.gaierror), Trouble.UNKNOWN_HOST),
    ((ConnectionRefusedError,), Trouble.REFUSED),
    ((requests.exceptions.Timeout, TimeoutError), Trouble.NO_ANSWER),
)
"""What each error says that is among the causes, the first that is there."""

_PLAIN_TEXT = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE", "RECORD_LAYER_FAILURE")
"""What OpenSSL makes of a server that answers without TLS."""


def trouble(error: GitLabError) -> Trouble | None:
    """Return what kept a connection from coming about, None where there was an answer."""
    if not isinstance(error, UnavailableError) or error.reason is None:
        return None
    return trouble_behind(error.reason)


def trouble_behind(reason: Exception) -> Trouble:
    """Return what kept a connection from coming about that ended with this error."""
    causes = list(_causes(reason))
    for kinds, found in _SIGNS:
        for one in causes:
            if isinstance(one, kinds):
                return _of_tls(one) if isinstance(one, ssl.SSLError) else found
    # `requests` says of a file of authorities that is gone nothing but this.
    of_requests = isinstance(reason, requests.exceptions.RequestException)
    return Trouble.CUT if of_requests else Trouble.AUTHORITIES


def _of_tls(error: ssl.SSLError) -> Trouble:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERDICTS.get(error.verify_code, Trouble.UNTRUSTED)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Trouble.CUT
    if any(word in (error.reason or "") for word in _PLAIN_TEXT):
        return Trouble.NO_TLS
    return Trouble.AUTHORITIES if error.library in {"X509", "PEM"} else Trouble.CUT


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it was made of."""
    seen: set[int] = set()
    left: list[object] = [error]
    while left:
        one = left.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [getattr(one, "reason", None), *one.args, one.__cause__, one.__context__]


def certificate_expires_at(url: str, *, ca_file: str | None, timeout: float) -> Instant | None:
    """Return when the certificate of a GitLab expires that is reached without a proxy.

    None where there is no certificate, or it cannot be had; then requests tell why.

    Args:
        url: of GitLab.
        ca_file: who may have signed it; the usual authorities if None.
        timeout: seconds.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.hostname is None:
        return None
    if requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)):
        return None
    with suppress(OSError, ValueError):  # TLS's own errors are OSErrors
        context = ssl.create_default_context(
            cafile=ca_file or requests.utils.DEFAULT_CA_BUNDLE_PATH
        )
        address = (parts.hostname, parts.port or 443)
        with (
            socket.create_connection(address, timeout=timeout) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as secured,
        ):
            told = (secured.getpeercert() or {}).get("notAfter")
            if isinstance(told, str):
                return round(ssl.cert_time_to_seconds(told)) * MICROSECONDS
    return None
