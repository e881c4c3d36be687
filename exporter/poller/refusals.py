"""Whether GitLab refuses the token, and not only what it was asked about."""

from exporter.gitlab import UnauthorizedError

IN_A_ROW = 3
"""A single one may come from one server of several. Hundreds make GitLab block the address."""


class Refusals:
    """Counts answers that the token is not valid, for one thread."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self.refusal: UnauthorizedError | None = None
        """Why GitLab is not to be asked about anything more, None while it is."""

    def note(self, error: Exception | None) -> None:
        """Take what became of a project or of a batch, None if it could be read."""
        if not isinstance(error, UnauthorizedError):
            self._in_a_row = 0
            return
        self._in_a_row += 1
        if self._in_a_row >= IN_A_ROW and self.refusal is None:
            self.refusal = error
