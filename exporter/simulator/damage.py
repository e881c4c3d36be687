"""What a fault makes of a question before it is answered, and of the answer."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from exporter.simulator.delivery import HTML, Reply
from exporter.simulator.faults import Fault


def misread(query: str, fault: Fault | None) -> str:
    """Give the query string that is answered in place of the one that was sent."""
    if fault is None or fault.kind != "other_page":
        return query
    asked = dict(parse_qsl(query, keep_blank_values=True))
    number = int(asked.get("page", "1")) if asked.get("page", "1").isdecimal() else 1
    return urlencode({**asked, "page": str(number - 1 if number > 1 else 2)})


def dated(now: datetime, fault: Fault | None) -> datetime:
    """Give the time that an answer is dated."""
    skewed = fault is not None and fault.kind == "skewed_clock"
    return now + timedelta(seconds=fault.delay) if fault and skewed else now


def damaged(reply: Reply, fault: Fault) -> Reply:
    """Give the answer after a fault that changes what it says."""
    if (whole := _WHOLES.get(fault.kind)) is not None:
        return whole(reply, fault)
    if (edit := _EDITS.get(fault.kind)) is not None:
        return _edited(reply, fault.fields, edit)
    if (arrange := _ARRANGEMENTS.get(fault.kind)) is not None:
        return _rearranged(reply, arrange)
    return reply


def _other_json(reply: Reply, _fault: Fault) -> Reply:
    if reply.body.startswith(b"["):
        return replace(reply, body=b'{"message": "something else"}')
    return replace(reply, body=HTML, headers={**reply.headers, "content-type": "text/html"})


_WHOLES: dict[str, Callable[[Reply, Fault], Reply]] = {
    "truncated_json": lambda reply, _: replace(
        reply, body=reply.body[: max(1, len(reply.body) // 2)]
    ),
    "wrong_json": _other_json,
    "odd_body": lambda reply, fault: replace(reply, body=fault.body.encode("latin-1")),
    "odd_headers": lambda reply, fault: replace(reply, headers={**reply.headers, **fault.headers}),
    "odd_values": lambda reply, fault: _swapped(reply, fault.swap),
}


def _mistype(part: dict[str, Any], name: str) -> None:
    part[name] = "unexpected" if isinstance(part[name], dict) else {"unexpected": part[name]}


_EDITS: dict[str, Callable[[dict[str, Any], str], object]] = {
    "missing_fields": lambda part, name: part.pop(name),
    "null_fields": lambda part, name: part.update({name: None}),
    "wrong_types": _mistype,
}


def _repeat(rows: list[Any]) -> None:
    rows[:] = [row for row in rows for _ in range(2)]


_ARRANGEMENTS: dict[str, Callable[[list[Any]], object]] = {
    "repeated_rows": _repeat,
    "reordered_rows": list.reverse,
}


def _edited(
    reply: Reply, names: Iterable[str], edit: Callable[[dict[str, Any], str], object]
) -> Reply:
    document = _parsed(reply)
    for part in _parts(document):
        if isinstance(part, dict):
            for name in names:
                if name in part:
                    edit(part, name)
    return _with(reply, document)


def _rearranged(reply: Reply, arrange: Callable[[list[Any]], object]) -> Reply:
    document = _parsed(reply)
    for part in _parts(document):
        if isinstance(part, list):
            arrange(part)
    return _with(reply, document)


def _swapped(reply: Reply, pairs: Iterable[tuple[Any, Any]]) -> Reply:
    document = _parsed(reply)
    odd = {(type(usual), usual): other for usual, other in pairs}
    for part in _parts(document):
        if isinstance(part, dict | list):
            for place, value in list(part.items() if isinstance(part, dict) else enumerate(part)):
                if isinstance(value, str | int) and (type(value), value) in odd:
                    part[place] = odd[type(value), value]
    return _with(reply, document)


def _parsed(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except ValueError:
        return None


def _with(reply: Reply, document: Any) -> Reply:
    return reply if document is None else replace(reply, body=json.dumps(document).encode())


def _parts(document: Any) -> list[Any]:
    """List all objects and lists of a document, the outermost first."""
    found = [document]
    for part in found:  # which grows meanwhile
        if isinstance(part, dict):
            found.extend(part.values())
        elif isinstance(part, list):
            found.extend(part)
    return found
