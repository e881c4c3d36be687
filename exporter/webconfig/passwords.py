"""Whether a user's password is right, without holding up anybody else.

bcrypt is slow on purpose. It runs in another thread, one password at a time, and what was right
once is remembered, so that a scraper costs nothing while others guess.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from enum import Enum, auto

import bcrypt
from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from exporter.webconfig.models import cost

WAITING = 100
"""Passwords that may wait for their turn; those who come then are asked to come again."""

_SIGNIFICANT = 72
"""Bytes of a password that bcrypt looks at; other programs drop the rest, too."""

# Of no password that is known. What users that do not exist show is compared with it.
_NOBODY = "DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfe8I8jD4P8zIrIpJcSrmi"

Check = Callable[[bytes, bytes], bool]


class Verdict(Enum):
    """What became of a user and a password."""

    RIGHT = auto()
    WRONG = auto()
    BUSY = auto()


class Passwords:
    """Compares passwords with bcrypt hashes; belongs to one event loop."""

    def __init__(self, check: Check = bcrypt.checkpw) -> None:
        self._check = check
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._turn = CapacityLimiter(1)
        self._waiting = 0

    async def verify(self, users: Mapping[str, str], name: str, password: bytes) -> Verdict:
        """Tell whether the user exists and has this password.

        A user that does not exist costs as much time as one that does.
        """
        known = users.get(name)
        shown = password[:_SIGNIFICANT]
        if known is not None:
            digest = self._digest(known, shown)
            if hmac.compare_digest(self._right.get(name, b""), digest):
                return Verdict.RIGHT
        if self._waiting >= WAITING:
            return Verdict.BUSY
        self._waiting += 1
        try:
            same = await run_sync(
                self._check, shown, (known or _nobody(users)).encode(), limiter=self._turn
            )
        finally:
            self._waiting -= 1
        if known is None or not same:
            return Verdict.WRONG
        # Only of users that there are, so it never grows.
        self._right = {user: kept for user, kept in self._right.items() if user in users}
        self._right[name] = digest
        return Verdict.RIGHT

    def _digest(self, known: str, password: bytes) -> bytes:
        return hmac.digest(self._key, known.encode() + b"\0" + password, hashlib.sha256)


def _nobody(users: Mapping[str, str]) -> str:
    """A hash that takes as long as that of the users."""
    return f"$2b${max(map(cost, users.values())):02d}${_NOBODY}"
