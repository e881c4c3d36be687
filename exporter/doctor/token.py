"""Checks of the token: whether GitLab takes it, its scopes, and how long it lives."""

from exporter.doctor.finding import Finding
from exporter.doctor.kinds import Kind
from exporter.doctor.reach import SOON
from exporter.gitlab.client import Client
from exporter.gitlab.errors import INSUFFICIENT_SCOPE, ForbiddenError, UnauthorizedError
from exporter.gitlab.token import READING, read_token
from exporter.instant import Instant, iso


def check_token(client: Client, key: str, now: Instant) -> list[Finding]:
    """Ask GitLab about the token that stands under a key of the configuration.

    Raises:
        GitLabError: if GitLab does not answer.
    """
    try:
        token = read_token(client)
        if token is None:  # of OAuth, of an older GitLab, or refused whatever it is for
            client.get("/user")
            return []
    except (UnauthorizedError, ForbiddenError) as error:
        return [refused(error, key)]
    found = []
    if token.scopes is not None and not READING & set(token.scopes):
        what = f"its scopes are {', '.join(token.scopes) or 'none'}, without read_api"
        found.append(Finding.of(Kind.TOKEN_SCOPE, key, what))
    if token.expires_at is not None and token.expires_at - now <= SOON:
        what = f"it expires on {iso(token.expires_at)[:10]}"
        found.append(Finding.of(Kind.TOKEN_EXPIRES_SOON, key, what))
    return found


def refused(error: UnauthorizedError | ForbiddenError, key: str) -> Finding:
    """Tell why GitLab refused the token."""
    told = str(error).lower()
    if isinstance(error, ForbiddenError):
        if INSUFFICIENT_SCOPE in told:
            return Finding.of(Kind.TOKEN_SCOPE, key, "it has no scope that reads the API")
        return Finding.of(Kind.TOKEN_REFUSED, key, f"GitLab refuses it ({error})")
    if "expired" in told:
        return Finding.of(Kind.TOKEN_EXPIRED, key, "GitLab says that it has expired")
    if "revoked" in told:
        return Finding.of(Kind.TOKEN_REVOKED, key, "GitLab says that it was revoked")
    return Finding.of(Kind.TOKEN_UNKNOWN, key, f"GitLab does not know it ({error})")
