"""The page that GitLab calls: who may call it, what is believed, and what it costs.

GitLab disables a webhook that is refused again and again, so whatever it may rightly send is
taken with thanks, whether it is of use or not. Nothing here waits for the store or for GitLab.
https://docs.gitlab.com/ee/user/project/integrations/webhooks.html
"""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from anyio import fail_after
from cachetools import TTLCache
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.clock import Clock
from exporter.config import TokenError, TokenSource
from exporter.logs import fields
from exporter.webhook.event import DeploymentEvent, MalformedError, read_event

log = logging.getLogger(__name__)

PATH = "/webhook"

LARGEST = 64 * 1024
"""Bytes of a body that are read at most; GitLab's deployment events have a few thousand."""

BODY_SECONDS = 10.0
"""How long a body may take to come; GitLab gives up a call after as long."""

REMEMBERED = 10_000
"""Deployments that are remembered at most, so that hearing of them again costs nothing."""

REMEMBERED_SECONDS = 3600.0
"""How long they are; after that the store knows them, and a replay costs one look into it."""

_WARN_EVERY = 60.0
"""Seconds between two warnings about events that were refused."""

_KIND = "Deployment Hook"


class Outcome(StrEnum):
    """What became of an event."""

    ACCEPTED = "accepted"
    """Its project will be polled."""
    REPLAYED = "replayed"
    """The deployment was told of before."""
    IGNORED = "ignored"
    """It tells of no successful deployment, or of a project that is not in scope."""
    MALFORMED = "malformed"
    """It is nothing that GitLab sends."""
    UNAUTHORIZED = "unauthorized"
    """It does not carry the secret."""


class Announce(Protocol):
    """Passes on that a project has news."""

    def __call__(
        self, project_id: int, *, deployment_id: int | None, environment: str | None
    ) -> object:
        """Take note, and return at once."""
        ...


class _RefusedError(Exception):
    """The event is refused."""

    def __init__(self, status: int, words: str, outcome: Outcome = Outcome.MALFORMED) -> None:
        super().__init__(words)
        self.status = status
        self.outcome = outcome


class Receiver:
    """Receives events on the event loop, which scrapes share: each is done within microseconds."""

    def __init__(
        self,
        secret: TokenSource,
        *,
        clock: Clock,
        in_scope: Callable[[int], bool],
        announce: Announce,
        count: Callable[[str, int], object],
    ) -> None:
        """Receive events that carry ``secret``.

        Args:
            secret: gives the secret as it is now.
            clock: says how long ago a deployment was told of.
            in_scope: whether a project is polled.
            announce: is told of projects with news.
            count: counts outcomes, such as ``count("accepted", 1)``.
        """
        self._secret = secret
        self._clock = clock
        self._in_scope = in_scope
        self._announce = announce
        self._count = count
        self._key = secrets.token_bytes(32)
        self._seen: TTLCache[tuple[int, str, int], None] = TTLCache(
            REMEMBERED, REMEMBERED_SECONDS, timer=clock.monotonic
        )
        self._warned: float | None = None
        for outcome in Outcome:  # so that the first of a kind is seen as an increase
            count(outcome, 0)

    def route(self) -> Route:
        """Return the route of the page."""
        return Route(PATH, self._receive, methods=["POST"])

    async def _receive(self, request: Request) -> Response:
        try:
            self._check_secret(request)
            outcome = self._take(await _read(request))
        except _RefusedError as refused:
            self._count(refused.outcome, 1)
            self._warn(refused)
            return JSONResponse({"error": str(refused)}, refused.status)
        self._count(outcome, 1)
        return JSONResponse({"event": outcome}, 202 if outcome is Outcome.ACCEPTED else 200)

    def _check_secret(self, request: Request) -> None:
        try:
            secret = self._secret.current()
        except TokenError as error:
            # Not the caller's fault: GitLab takes a 5xx for a trouble that passes.
            raise _RefusedError(
                503, "503 Service Unavailable: the secret cannot be read", Outcome.UNAUTHORIZED
            ) from error
        # Starlette made text of the header's bytes one by one.
        given = request.headers.get("x-gitlab-token", "").encode("latin-1")
        # Digests are all of one length, so that not even the secret's length shows in the time.
        if not hmac.compare_digest(self._digest(given), self._digest(secret.encode())):
            raise _RefusedError(401, "401 Unauthorized", Outcome.UNAUTHORIZED)

    def _digest(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)

    def _take(self, event: DeploymentEvent | None) -> Outcome:
        if event is None:
            return Outcome.IGNORED
        if not self._in_scope(event.project_id):
            log.debug("event of project %d, which is not in scope", event.project_id)
            return Outcome.IGNORED
        identity = event.identity
        if identity is not None:
            if identity in self._seen:
                return Outcome.REPLAYED
            self._seen[identity] = None
        self._announce(
            event.project_id, deployment_id=event.deployment_id, environment=event.environment
        )
        return Outcome.ACCEPTED

    def _warn(self, refused: _RefusedError) -> None:
        """Say that events are refused, but not of each: anybody may send them."""
        now = self._clock.monotonic()
        if self._warned is not None and now - self._warned < _WARN_EVERY:
            return
        self._warned = now
        cause = refused.__cause__
        log.warning(
            "an event was refused, more within a minute are not told of",
            extra=fields(status=refused.status, error=str(cause or refused)),
        )


async def _read(request: Request) -> DeploymentEvent | None:
    """Read the body, but no more of it than an event can have; None if it is of no use."""
    # Events of other kinds can have megabytes, and are known without these.
    if request.headers.get("x-gitlab-event", _KIND) != _KIND:
        return None
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise _RefusedError(415, "415 Unsupported Media Type: events are application/json")
    try:
        with fail_after(BODY_SECONDS):
            body = await _body(request)
    except TimeoutError:
        raise _RefusedError(408, "408 Request Timeout") from None
    except ClientDisconnect:
        raise _RefusedError(400, "400 Bad Request: the body is cut off") from None
    if body is None:
        raise _RefusedError(413, f"413 Content Too Large: events have {LARGEST} bytes at most")
    try:
        return read_event(body)
    except MalformedError as error:
        raise _RefusedError(400, f"400 Bad Request: {error}") from None


async def _body(request: Request) -> bytes | None:
    """Return the body, None if it is too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > LARGEST:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            return None
    return bytes(body)
