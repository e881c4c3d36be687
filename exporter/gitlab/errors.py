"""All that can go wrong with GitLab.

GitLabError
├── StoppedError        the exporter is shutting down
├── RefusedError        GitLab understood and refused: 400, 401, 403, ...
│   ├── UnauthorizedError   the token is missing, wrong, expired or revoked
│   ├── ForbiddenError      the token may see it, but its role or scope is too low
│   ├── NotFoundError       it does not exist, or the token may not see it
│   ├── RedirectedError     it sent us elsewhere, where the token must not go
│   └── InvalidError        a parameter that this version of GitLab does not take
└── TransientError      worth another try
    ├── RateLimitedError    429
    ├── UnavailableError    5xx, time-out, cut connection
    └── BadAnswerError      not the JSON that was asked for
"""


class GitLabError(Exception):
    """GitLab did not give what was asked; the message says what and why, never a token."""

    kind = "error"


class StoppedError(GitLabError):
    """The exporter is shutting down."""

    kind = "stopped"


class RefusedError(GitLabError):
    """GitLab understood the request and refused it; asking again would not help."""

    kind = "refused"


class UnauthorizedError(RefusedError):
    """The token is missing, wrong, expired or revoked (401)."""

    kind = "unauthorized"


INSUFFICIENT_SCOPE = "insufficient_scope"
"""In a message: it is the token's scope that is too low, not the role."""


FOR_PEOPLE = "with a page for people"
"""In a message: a proxy or a login answered, and not GitLab's API."""


class ForbiddenError(RefusedError):
    """The token's role or scope is too low (403)."""

    kind = "forbidden"


class NotFoundError(RefusedError):
    """It does not exist, or the token may not see it (404)."""

    kind = "not_found"


class InvalidError(RefusedError):
    """A parameter that this version of GitLab does not take (400, 405, 422, 501)."""

    kind = "invalid"


class RedirectedError(RefusedError):
    """GitLab redirected to another scheme, host or port; ``target`` is that much of the URL."""

    kind = "redirected"

    def __init__(self, target: str) -> None:
        super().__init__(
            f"GitLab redirected to {target}; if that is where it lives now, set gitlab.url to it"
        )
        self.target = target


class TransientError(GitLabError):
    """Asking again may help."""

    kind = "transient"


class RateLimitedError(TransientError):
    """Too many requests (429)."""

    kind = "rate_limited"


class UnavailableError(TransientError):
    """GitLab failed, did not answer in time, or the connection broke.

    ``reason`` is the error of the connection, None where there was an answer.
    """

    kind = "unavailable"

    def __init__(self, message: str, reason: Exception | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class BadAnswerError(TransientError):
    """The answer was not the JSON that was asked for."""

    kind = "bad_answer"


def refusal(status: int) -> type[GitLabError]:
    """Return the error for an HTTP status that is not a success."""
    if status == 429:
        return RateLimitedError
    if status == 501:
        return InvalidError
    if status >= 500 or status == 408:
        return UnavailableError
    return {
        400: InvalidError,
        401: UnauthorizedError,
        403: ForbiddenError,
        404: NotFoundError,
        405: InvalidError,
        422: InvalidError,
    }.get(status, RefusedError)
