"""A token or another secret, read again whenever its file changes."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

from exporter.config.errors import TokenError

_LONGEST = 16 * 1024
_SHORTEST_SECRET = 16

Flaw = Callable[[str], str | None]
"""Tells why a text cannot be what it should be, without repeating it; None when it can."""


def token_flaw(token: str) -> str | None:
    """Why a token cannot be one, without repeating it; None when it can."""
    if not token:
        return "the token is empty; write an access token with the scope read_api"
    if any(char.isspace() or not char.isprintable() or ord(char) > 255 for char in token):
        return (
            "the token holds a space, a line break or another character"
            " that an HTTP header cannot carry; write the bare token"
        )
    return None


def secret_flaw(secret: str) -> str | None:
    """Why a text is no secret that GitLab could show in a header; None when it is one."""
    if len(secret) < _SHORTEST_SECRET or token_flaw(secret):
        return f"the secret must be {_SHORTEST_SECRET} characters or more, without spaces"
    return None


class TokenSource:
    """Gives the token at any moment; safe to share between threads.

    A file is looked at on every call and read again when its time, size or inode changed, so that
    a token rotated in place, or by a Kubernetes secret's symbolic link, is used at once.
    """

    def __init__(
        self,
        *,
        token: str | None = None,
        token_file: Path | None = None,
        key: str = "gitlab.token_file",
        flaw: Flaw = token_flaw,
    ) -> None:
        """Take the token from exactly one of the two.

        Args:
            token: the token itself.
            token_file: the file that holds it.
            key: of the configuration that names the file, for messages.
            flaw: tells what is wrong with what the file holds.

        Raises:
            ValueError: When both or neither are given.
        """
        if (token is None) == (token_file is None):
            raise ValueError("give either token or token_file")
        self._file = token_file
        self._key = key
        self._flaw = flaw
        self._token = token
        self._seen = {} if token is None else {token: None}
        self._signature: tuple[int, int, int] | None = None
        self._lock = threading.Lock()

    def current(self) -> str:
        """The token as it stands now.

        Raises:
            TokenError: When the file cannot be read, is empty or holds no token; the message names
                the file and never shows what it holds.
        """
        if self._file is None:
            return self._token or ""
        with self._lock:
            try:
                signature = _signature(self._file.stat())
                if self._token is None or signature != self._signature:
                    self._token = None
                    self._signature, self._token = self._read(self._file)
                    self._seen[self._token] = None
            except OSError as error:
                raise TokenError(
                    f"{self._key}: {self._file} cannot be read: {error.strerror or error}"
                ) from None
            return self._token

    def known(self) -> tuple[str, ...]:
        """Every token given so far, for redaction; touches no file."""
        with self._lock:
            return tuple(self._seen)

    def _read(self, path: Path) -> tuple[tuple[int, int, int], str]:
        with path.open("rb") as file:
            signature = _signature(os.fstat(file.fileno()))
            content = file.read(_LONGEST + 1)
        token = content.decode("utf-8-sig", errors="replace").strip()
        too_long = len(content) > _LONGEST
        flaw = "the file is too long for a token" if too_long else self._flaw(token)
        if flaw:
            raise TokenError(f"{self._key}: {path}: {flaw}")
        return signature, token


def _signature(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino
