"""What GitLab answers to callers of ``/dora/metrics``, and who gets which answer.

The rules stand here once more, apart from the simulator's: a role of Reporter (20) or above reads;
whoever sees a project or group without it is told so; from all others it is hidden.
"""

from dataclasses import dataclass

import httpx2

from tests.access.estate import EVERYBODY, Target

REPORTER = 20


@dataclass(frozen=True)
class Said:
    """Status and JSON of an answer."""

    status: int
    body: object

    @classmethod
    def by(cls, response: httpx2.Response) -> "Said":
        """Read a response."""
        return cls(response.status_code, response.json())


UNAUTHORIZED = Said(401, {"message": "401 Unauthorized"})
TOO_LOW = Said(401, {"message": "You do not have permission to access dora metrics."})
BLOCKED = Said(403, {"message": "403 Forbidden - Your account has been blocked."})
NARROW = Said(
    403,
    {
        "error": "insufficient_scope",
        "error_description": "The request requires higher privileges than provided by"
        " the access token.",
        "scope": "api read_api",
    },
)
UNAVAILABLE = Said(
    503, {"message": "503 Service Unavailable: GitLab cannot be asked about the caller"}
)


def granted(target: Target) -> Said:
    """Return what a Reporter is answered."""
    return Said(200, target.answer)


def hidden(target: Target) -> Said:
    """Return what those are answered who must not know that it exists."""
    return Said(404, {"message": f"404 {target.kind.capitalize()} Not Found"})


def to_level(target: Target, level: int, *, sees: bool = False) -> Said:
    """Return what somebody with a role is answered, 0 for none.

    Args:
        target: what is asked about.
        level: the highest role by any route.
        sees: whether something else lets them see it, such as a role further below.
    """
    if level >= REPORTER:
        return granted(target)
    if level or sees or target.thing.visibility in EVERYBODY:
        return TOO_LOW
    return hidden(target)
