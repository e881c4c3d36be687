"""What GitLab tells of the token that requests are made with.

https://docs.gitlab.com/ee/api/personal_access_tokens.html: of personal, project and group access
tokens, and nothing of those of OAuth and of jobs.
"""

from datetime import UTC, date, datetime, time

from pydantic import BaseModel

from exporter.gitlab.answers import read
from exporter.gitlab.client import Client
from exporter.gitlab.errors import ForbiddenError, InvalidError, NotFoundError
from exporter.instant import Instant, from_datetime


class _TokenAnswer(BaseModel):
    expires_at: date | None = None


def token_expires_at(client: Client) -> Instant | None:
    """Return when the token expires: as a day begins in UTC.

    None if it never does, or GitLab does not tell.

    Raises:
        GitLabError: if GitLab does not answer as it must.
    """
    try:
        answer = client.get("/personal_access_tokens/self")
    except (ForbiddenError, NotFoundError, InvalidError):
        return None
    day = read(_TokenAnswer, answer, "token").expires_at
    return None if day is None else from_datetime(datetime.combine(day, time(), UTC))
