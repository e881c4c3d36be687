"""Who may read what: GitLab decides, and its verdicts are kept for a minute.

A caller is whoever GitLab says the token belongs to. Nothing is remembered but verdicts, under a
keyed hash of the token whose key lives as long as the process; the token itself is not kept.
"""

import hashlib
import hmac
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, Protocol, TypeVar

from cachetools import LRUCache
from starlette.requests import Request

from exporter.api.errors import RefusalError, unauthorized, unavailable
from exporter.clock import Clock
from exporter.gitlab.callers import (
    REPORTER,
    CallerRefusedError,
    Callers,
    Credential,
    Identity,
    Kind,
)
from exporter.gitlab.errors import GitLabError

VERDICT_SECONDS = 60.0
"""How long a verdict is used, counted from before GitLab was asked."""

VERDICTS = 10_000
"""How many verdicts are kept at most."""

_LONGEST_TOKEN = 4096
_LOCKS = 64

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request, as far as GitLab vouches for them, which is until ``until``."""

    credential: Credential
    identity: Identity
    until: float


class Access(Protocol):
    """What the JSON API asks about a caller."""

    def identify(self, request: Request) -> Caller | None:
        """Return who calls.

        Raises:
            RefusalError: 401 or 403 if GitLab does not accept them, 503 if it cannot be asked.
        """
        ...

    def role(self, caller: Caller | None, kind: Kind, container_id: int) -> int | None:
        """Return the caller's role in a project or group, None if they may not see it.

        Raises:
            RefusalError: 401 or 403 if GitLab does not accept them, 503 if it cannot be asked.
        """
        ...


class OpenAccess:
    """Everybody may read everything."""

    def identify(self, _request: Request) -> Caller | None:
        """Return nobody in particular."""
        return None

    def role(self, _caller: Caller | None, _kind: Kind, _container_id: int) -> int | None:
        """Return a role that suffices."""
        return REPORTER


class GitLabAccess:
    """Only what GitLab would show to the caller."""

    def __init__(self, callers: Callers, clock: Clock) -> None:
        self._callers = callers
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._identities: _Verdicts[Identity] = _Verdicts(clock)
        self._roles: _Verdicts[int | None] = _Verdicts(clock)

    def identify(self, request: Request) -> Caller | None:
        """Return who calls, by the token in the request."""
        credential = read_credential(request)
        if credential is None:
            raise unauthorized()
        identity, until = self._identities.get(
            self._hash(credential), lambda: self._ask(lambda: self._callers.identify(credential))
        )
        return Caller(credential, identity, until)

    def role(self, caller: Caller | None, kind: Kind, container_id: int) -> int | None:
        """Return the caller's role, as GitLab tells the caller's own token."""
        if caller is None:
            raise unauthorized()
        role, _ = self._roles.get(
            self._hash(caller.credential, kind, str(container_id)),
            lambda: self._ask(
                lambda: self._callers.role(caller.credential, caller.identity, kind, container_id)
            ),
            # A role rests on who the caller was said to be, such as an administrator.
            latest=caller.until,
        )
        return role

    def _hash(self, credential: Credential, *about: str) -> bytes:
        parts = [credential.token, str(credential.bearer), *about]
        return hmac.digest(self._key, "\0".join(parts).encode(), hashlib.sha256)

    @staticmethod
    def _ask(question: Callable[[], _Value]) -> _Value:
        try:
            return question()
        except CallerRefusedError as error:
            if error.status == 401:
                raise unauthorized() from None
            raise RefusalError(error.status, dict(error.answer)) from None
        except GitLabError:
            raise unavailable() from None


@dataclass(frozen=True, slots=True)
class _Verdict(Generic[_Value]):
    until: float
    values: tuple[_Value, ...]
    """The answer, or nothing where GitLab refused."""
    refusal: RefusalError | None


class _Verdicts(Generic[_Value]):
    """Answers and refusals of GitLab, each for a limited time; the least used go first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._kept: LRUCache[bytes, _Verdict[_Value]] = LRUCache(VERDICTS)
        # One of these is held while GitLab is asked, so that a burst of requests asks once.
        self._asking = [Lock() for _ in range(_LOCKS)]

    def get(
        self, key: bytes, ask: Callable[[], _Value], *, latest: float = math.inf
    ) -> tuple[_Value, float]:
        """Return the verdict that is kept, or ask for it, and until when it holds.

        Args:
            key: what it is about.
            ask: asks GitLab.
            latest: when the verdict ends at the latest, if it has to be asked for.

        Raises:
            RefusalError: if that is the verdict.
        """
        verdict = self._fresh(key)
        if verdict is None:
            with self._asking[key[0] % _LOCKS]:
                verdict = self._fresh(key) or self._asked(key, ask, latest)
        if verdict.refusal is not None:
            raise RefusalError(verdict.refusal.status, verdict.refusal.body)
        return verdict.values[0], verdict.until

    def _fresh(self, key: bytes) -> _Verdict[_Value] | None:
        with self._lock:
            verdict = self._kept.get(key)
        return verdict if verdict and self._clock.monotonic() < verdict.until else None

    def _asked(self, key: bytes, ask: Callable[[], _Value], latest: float) -> _Verdict[_Value]:
        until = min(self._clock.monotonic() + VERDICT_SECONDS, latest)
        try:
            verdict = _Verdict(until, (ask(),), None)
        except RefusalError as refusal:
            # Another one: this one's traceback leads to the token.
            verdict = _Verdict(until, (), RefusalError(refusal.status, refusal.body))
            if refusal.status >= 500:  # no verdict: GitLab could not be asked
                return verdict
        with self._lock:
            self._kept[key] = verdict
        return verdict


def read_credential(request: Request) -> Credential | None:
    """Return the token of a request, where GitLab looks for it, in its order.

    None if there is none, or one that no GitLab would accept.
    """
    header = request.headers.get("private-token") or request.query_params.get("private_token")
    if header:
        return _credential(header, bearer=False)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return _credential(token.strip(" \t"), bearer=True) if scheme.lower() == "bearer" else None


def _credential(token: str, *, bearer: bool) -> Credential | None:
    usable = 0 < len(token) <= _LONGEST_TOKEN and token.isascii() and token.isprintable()
    return Credential(token, bearer) if usable and " " not in token else None
