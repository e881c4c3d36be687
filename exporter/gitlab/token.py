"""What GitLab tells of the token that requests are made with.

https://docs.gitlab.com/ee/api/personal_access_tokens.html: of personal, project and group access
tokens, and nothing of those of OAuth and of jobs.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from pydantic import BaseModel

from exporter.gitlab.answers import read
from exporter.gitlab.client import Client
from exporter.gitlab.errors import ForbiddenError, InvalidError, NotFoundError
from exporter.instant import Instant, from_datetime

READING = frozenset({"api", "read_api"})
"""Scopes of which one is needed to read deployments."""


@dataclass(frozen=True, slots=True)
class Token:
    """What GitLab tells of a token.

    ``expires_at`` is the begin of a day in UTC, None if it never expires; ``scopes`` are None where
    GitLab does not tell them.
    """

    expires_at: Instant | None
    scopes: tuple[str, ...] | None


class _TokenAnswer(BaseModel):
    expires_at: date | None = None
    scopes: tuple[str, ...] | None = None


def read_token(client: Client) -> Token | None:
    """Return what GitLab tells of the token, None if it tells nothing of such a one.

    Any scope is enough to ask.

    Raises:
        GitLabError: if GitLab does not answer as it must.
    """
    try:
        answer = client.get("/personal_access_tokens/self")
    except (ForbiddenError, NotFoundError, InvalidError):
        return None
    told = read(_TokenAnswer, answer, "token")
    day = told.expires_at
    expires_at = None if day is None else from_datetime(datetime.combine(day, time(), UTC))
    return Token(expires_at, told.scopes)


def token_expires_at(client: Client) -> Instant | None:
    """Return when the token expires: as a day begins in UTC.

    None if it never does, or GitLab does not tell.

    Raises:
        GitLabError: if GitLab does not answer as it must.
    """
    token = read_token(client)
    return None if token is None else token.expires_at
