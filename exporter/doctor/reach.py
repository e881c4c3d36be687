"""Checks of the way to GitLab, and of GitLab as a whole: address, certificate, version, clock."""

import re
from datetime import timedelta

from exporter.config import Settings
from exporter.doctor.finding import Finding
from exporter.doctor.kinds import Kind
from exporter.gitlab.capabilities import detect
from exporter.gitlab.client import Client
from exporter.gitlab.contact import Trouble, certificate_expires_at, trouble
from exporter.gitlab.errors import (
    FOR_PEOPLE,
    BadAnswerError,
    ForbiddenError,
    GitLabError,
    InvalidError,
    NotFoundError,
    RedirectedError,
    RefusedError,
    StoppedError,
    TransientError,
    UnauthorizedError,
)
from exporter.gitlab.inspection import Inspection
from exporter.instant import MICROSECONDS, Instant, iso, microseconds

URL = "gitlab.url"

SOON = microseconds(timedelta(days=14))
"""Within this, an expiry is worth a word; the alert on the token's comes at the same time."""

_OLDEST = (12, 7)
"""GitLab that tells the merge requests of a deployment."""

_SKEW, _GREAT_SKEW = timedelta(minutes=1), timedelta(minutes=5)

_TROUBLES = {
    Trouble.UNKNOWN_HOST: (Kind.UNKNOWN_HOST, "its host is unknown to DNS"),
    Trouble.REFUSED: (Kind.CONNECTION_REFUSED, "nobody listens there"),
    Trouble.NO_ANSWER: (Kind.NO_ANSWER, "no answer came within gitlab.timeout"),
    Trouble.PROXY: (Kind.PROXY_FAILS, "the proxy of the environment does not connect to it"),
    Trouble.EXPIRED: (Kind.CERTIFICATE_EXPIRED, "its certificate has expired"),
    Trouble.NOT_YET_VALID: (Kind.CERTIFICATE_NOT_YET_VALID, "its certificate is not valid yet"),
    Trouble.WRONG_HOST: (Kind.CERTIFICATE_WRONG_HOST, "its certificate is for another host"),
    Trouble.SELF_SIGNED: (Kind.CERTIFICATE_SELF_SIGNED, "its certificate is signed by itself"),
    Trouble.UNTRUSTED: (Kind.CERTIFICATE_UNTRUSTED, "nobody trusted signed its certificate"),
    Trouble.NO_TLS: (Kind.NO_TLS, "what answers there does not speak TLS"),
    Trouble.AUTHORITIES: (Kind.AUTHORITIES_UNUSABLE, "it holds no certificates, or is gone"),
    Trouble.CUT: (Kind.CONNECTION_FAILS, "the connection broke before an answer came"),
}


def check_contact(client: Client, inspection: Inspection) -> tuple[list[Finding], str | None]:
    """Ask GitLab for the first time.

    Returns:
        What keeps it from answering as GitLab does, and its version where it tells one. A refused
        token is no finding here.
    """
    try:
        version = inspection.version()
    except (UnauthorizedError, ForbiddenError) as error:
        if FOR_PEOPLE in str(error):
            what = f"a web page answers in place of the API ({error})"
            return [Finding.of(Kind.WEB_PAGE, URL, what)], None
        return [], None
    except StoppedError:
        raise
    except GitLabError as error:
        return [_failed(client, error)], None
    if version is None:
        what = "what answers is no GitLab API (it tells no version)"
        return [Finding.of(Kind.NOT_GITLAB, URL, what)], None
    return [], version


def _failed(client: Client, error: GitLabError) -> Finding:
    found = trouble(error)
    if found is not None:
        kind, what = _TROUBLES[found]
        key = "gitlab.ca_file" if found is Trouble.AUTHORITIES else URL
        return Finding.of(kind, key, what)
    if isinstance(error, RedirectedError):
        return Finding.of(Kind.REDIRECTED, URL, f"it redirects to {error.target}")
    if isinstance(error, NotFoundError):
        return Finding.of(Kind.NOT_GITLAB, URL, f"no GitLab API is there (404){_landing(client)}")
    if isinstance(error, BadAnswerError):
        return Finding.of(Kind.WEB_PAGE, URL, "a web page answers in place of the API")
    if isinstance(error, InvalidError):
        return Finding.of(Kind.NOT_GITLAB, URL, f"what answers is no GitLab API ({error})")
    return Finding.of(Kind.GITLAB_FAILS, URL, str(error))


def _landing(client: Client) -> str:
    """Tell where people land: a GitLab below a path sends them there."""
    try:
        return f"; who opens it lands at {client.landing()}"
    except RedirectedError as error:
        return f"; who opens it is sent to {error.target}"
    except GitLabError:
        return ""


def check_version(version: str) -> list[Finding]:
    """Compare GitLab's version with what is needed."""
    told = re.match(r"(\d+)\.(\d+)", version)
    if told is None or (int(told[1]), int(told[2])) >= _OLDEST:
        return []
    return [Finding.of(Kind.VERSION_TOO_OLD, "GitLab", f"its version is {version}")]


def check_certificate(settings: Settings, now: Instant) -> list[Finding]:
    """Look at whether the certificate is checked, and how long it holds."""
    gitlab = settings.gitlab
    if not gitlab.url.startswith("https://"):
        return []
    if gitlab.verification is False:
        return [Finding.of(Kind.NOT_VERIFIED, "gitlab.ssl_verify", "any certificate is accepted")]
    ca_file = None if gitlab.ca_file is None else str(gitlab.ca_file)
    until = certificate_expires_at(gitlab.url, ca_file=ca_file, timeout=gitlab.timeout.seconds)
    if until is None or until - now > SOON:
        return []
    what = f"its certificate expires on {iso(until)[:10]}"
    return [Finding.of(Kind.CERTIFICATE_EXPIRES_SOON, URL, what)]


def check_clocks(client: Client, now: Instant) -> list[Finding]:
    """Compare GitLab's clock with this machine's."""
    ahead = timedelta(seconds=(client.budget.server_time() - now) // MICROSECONDS)
    if abs(ahead) < _SKEW:
        return []
    direction = "ahead of" if ahead > timedelta() else "behind"
    what = f"GitLab's is {abs(ahead)} {direction} this machine's"
    return [Finding.of(Kind.CLOCKS_DIFFER, "clocks", what, mild=abs(ahead) < _GREAT_SKEW)]


def check_graphql(client: Client) -> list[Finding]:
    """Look at what GraphQL can do for the exporter."""
    try:
        able = detect(client)
    except StoppedError:
        raise
    except (RefusedError, TransientError) as error:
        return [Finding.of(Kind.GRAPHQL_OFF, "GitLab", f"it answers no GraphQL ({error})")]
    lacking = [
        name
        for name, there in (
            ("exact finishes of deployments", able.finishes),
            ("the last deployment of environments", able.overview),
            ("merge requests of deployments", able.links),
        )
        if not there
    ]
    if not lacking:
        return []
    return [Finding.of(Kind.GRAPHQL_LACKS, "GitLab", f"its GraphQL lacks {', '.join(lacking)}")]


def check_history(settings: Settings) -> list[Finding]:
    """Compare the windows with how far the first poll reaches back."""
    history = settings.poll.history
    return [
        Finding.of(
            Kind.HISTORY_TOO_SHORT,
            "poll.history",
            f"it is {history}, and the window {window} is longer",
        )
        for window in settings.windows
        if window.seconds > history.seconds
    ]
