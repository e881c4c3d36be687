"""Whether GitLab refuses the token, and not only what it was asked about."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from exporter.gitlab import UnauthorizedError
from exporter.logs import fields

log = logging.getLogger(__name__)

IN_A_ROW = 3
"""A single one may come from one server of several. Hundreds make GitLab block the address."""


class Refusals:
    """Counts answers that the token is not valid; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._in_a_row = 0
        self._refusal: UnauthorizedError | None = None

    def check(self) -> None:
        """Do nothing while GitLab takes the token.

        Raises:
            UnauthorizedError: once it was refused several times in a row; always the same one.
        """
        if self._refusal is not None:
            raise self._refusal

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Ask GitLab in here about a project, or about some together.

        Raises:
            UnauthorizedError: as :meth:`check` does, without asking or after it.
        """
        self.check()
        try:
            yield
        except UnauthorizedError as error:
            self._count(error)
            self.check()
            raise
        with self._lock:
            self._in_a_row = 0

    def _count(self, error: UnauthorizedError) -> None:
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row < IN_A_ROW or self._refusal is not None:
                return
            self._refusal = error
        log.warning(
            "GitLab refuses the token, it is not asked about anything more this time",
            extra=fields(error=str(error)),
        )
