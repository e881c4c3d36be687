"""Answers as HTTP: body, validators and what the history behind them covers."""

import hashlib
import json
from collections.abc import Mapping
from gzip import compress

from prometheus_client.exposition import gzip_accepted
from starlette.requests import Request
from starlette.responses import Response

from exporter.api.per_view import PerView
from exporter.dora.facts import Group, Project
from exporter.instant import iso
from exporter.ledger import View

DATA_SINCE = "X-Dora-Data-Since"
"""Where the stored history of the project or group begins; buckets before it are null."""

POLLED_AT = "X-Dora-Polled-At"
"""Start of the last poll in which the project, or every project of the group, could be read."""

_HEADERS = {
    # As GitLab's API: keep it, but ask whether it still holds; and only for this caller.
    "cache-control": "max-age=0, private, must-revalidate",
    "x-content-type-options": "nosniff",
    "vary": "Accept-Encoding, Authorization, PRIVATE-TOKEN",
}

_WORTH_COMPRESSING = 500
"""Bytes."""

_ANSWERS = 2000


def answer_cache() -> PerView[bytes]:
    """Return a cache of bodies."""
    return PerView(_ANSWERS)


def encoded(answer: object) -> bytes:
    """Return an answer as JSON."""
    return json.dumps(answer, separators=(",", ":"), allow_nan=False).encode()


def reply(
    request: Request,
    view: View,
    container: Project | Group,
    body: bytes,
    more: Mapping[str, str] | None = None,
) -> Response:
    """Return the HTTP answer, which is a 304 without a body where the caller has it already.

    Args:
        request: what is answered.
        view: the history behind the answer.
        container: whose numbers they are.
        body: the JSON.
        more: headers of this answer.
    """
    headers = {**_HEADERS, **(more or {})}
    # Weak: compressed or not, it is the same answer.
    etag = headers["etag"] = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    for name, instant in (
        (DATA_SINCE, view.covered_since(container)),
        (POLLED_AT, view.polled_to(container)),
    ):
        if instant is not None:
            headers[name] = iso(instant)
    if _matches(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    accepted = gzip_accepted(request.headers.get("accept-encoding", ""))
    if accepted and len(body) >= _WORTH_COMPRESSING:
        headers["content-encoding"] = "gzip"
        body = compress(body, compresslevel=6)
    return Response(body, headers=headers, media_type="application/json")


def _matches(wanted: str, etag: str) -> bool:
    known = {one.strip().removeprefix("W/") for one in wanted.split(",")}
    return "*" in known or etag.removeprefix("W/") in known
