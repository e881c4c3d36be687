"""When the token for GitLab expires: asked seldom, and anew when the token is another.

https://docs.gitlab.com/ee/api/personal_access_tokens.html tells it of personal, project and group
access tokens; of others GitLab tells nothing.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from exporter.clock import Clock
from exporter.gitlab import GitLabError, StoppedError
from exporter.instant import Instant, microseconds
from exporter.logs import fields

log = logging.getLogger(__name__)

OFTEN = microseconds(timedelta(days=1))
"""A token's expiry may be changed, but seldom is; a day fits into any warning."""

SOON = microseconds(timedelta(hours=1))
"""After GitLab could not be asked."""


class TokenExpiry:
    """Learns when the token expires; used from one thread at a time."""

    def __init__(
        self,
        ask: Callable[[], Instant | None],
        token: Callable[[], str],
        note: Callable[[Instant | None], object],
        clock: Clock,
    ) -> None:
        """Know nothing yet.

        Args:
            ask: asks GitLab for the expiry, None where there is none or GitLab does not tell.
            token: gives the present one.
            note: is told it, None also as long as it is not known.
            clock: tells when it is time to ask again.
        """
        self._ask = ask
        self._token = token
        self._note = note
        self._clock = clock
        self._asked: str | None = None
        self._due = 0

    def look_if_due(self) -> None:
        """Ask GitLab if it is time to; where that fails, what was known of the same token stays.

        Raises:
            StoppedError: if the exporter is shutting down.
        """
        now = self._clock.now()
        try:
            token = self._token()
            if token == self._asked and self._due - OFTEN <= now < self._due:
                return
            if token != self._asked:
                self._note(None)
            self._asked, self._due = token, now + SOON
            self._note(self._ask())
        except StoppedError:
            raise
        except GitLabError as error:
            log.info("the token's expiry is not known", extra=fields(error=str(error)))
        else:
            self._due = now + OFTEN
