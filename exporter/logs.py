"""Log lines on stderr, as logfmt or JSON, one line each, with every secret taken out."""

import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal, TextIO

log = logging.getLogger(__name__)

REDACTED = "[redacted]"
LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("logfmt", "json")

Secrets = Callable[[], Iterable[str]] | Iterable[str]

# A shorter secret would blank out ordinary words, and is no secret anyway.
_SHORTEST_SECRET = 6
_QUIET = ("alembic", "apscheduler", "urllib3", "uvicorn")
_SECRET_FIELD = re.compile(r"token|password|secret|authorization", re.IGNORECASE)
_PATTERNS = (
    # GitLab's own kinds of tokens.
    (
        re.compile(r"gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|wt|soat|ffct)-[0-9A-Za-z_.-]{8,}"),
        REDACTED,
    ),
    # Headers and parameters, in plain text, URLs, JSON, and printed dicts and tuples.
    (
        re.compile(
            r"((?:private|job|deploy|access|refresh|feed|rss)[-_]token|authorization)"
            r"(['\"]?\s*[:=]\s*(?:b?['\"])?|['\"],\s*b?['\"])"
            r"((?:bearer|basic|digest|negotiate|token)\s+)?[^\s'\"&,;)}\]]+",
            re.IGNORECASE,
        ),
        rf"\1\2\3{REDACTED}",
    ),
    (re.compile(r"\b(bearer)\s+[A-Za-z0-9._~+/=-]{16,}", re.IGNORECASE), rf"\1 {REDACTED}"),
    # The password of a URL.
    (re.compile(r"(://[^\s/:@]*):[^\s/]+@"), rf"\1:{REDACTED}@"),
)


def fields(**values: object) -> dict[str, dict[str, object]]:
    """Structured fields of a log line: ``log.info("poll finished", extra=fields(project=1))``."""
    return {"fields": values}


class Redactor:
    """Takes secrets out of text: the known ones, and whatever looks like one.

    Args:
        secrets: The known secrets, or a function that gives them as they stand at each call.
    """

    def __init__(self, secrets: Secrets = ()) -> None:
        self._secrets = secrets if callable(secrets) else tuple(secrets)

    def __call__(self, text: str) -> str:
        """The text with ``[redacted]`` in place of each secret."""
        known = self._secrets() if callable(self._secrets) else self._secrets
        for secret in sorted(set(known), key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, REDACTED)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


class LineFormatter(logging.Formatter):
    """Makes one redacted line of a record.

    The line begins with ``ts`` (UTC, milliseconds), ``level``, ``logger`` and ``msg``; the record's
    fields follow, then ``traceback``. A field that would hide one of these gets a ``field_`` before
    its name.

    Args:
        render: Writes the line's pairs, whose values are text, numbers, booleans or None.
        redact: Applied to every text and to the text of every other value.
    """

    def __init__(
        self, render: Callable[[Mapping[str, object]], str], redact: Callable[[str], str]
    ) -> None:
        super().__init__()
        self._render = render
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Write the record as one line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        pairs: dict[str, object] = {
            "ts": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": self._redact(_message(record)),
        }
        reserved = {*pairs, "traceback"}
        for key, value in getattr(record, "fields", {}).items():
            name = re.sub(r"[^A-Za-z0-9_.-]", "_", self._redact(str(key))) or "_"
            pairs[f"field_{name}" if name in reserved else name] = self._value(name, value)
        if trace := self._traceback(record):
            pairs["traceback"] = self._redact(trace)
        return self._render(pairs)

    def _value(self, name: str, value: object) -> object:
        if value is None or isinstance(value, bool):
            return value
        if _SECRET_FIELD.search(name):
            return REDACTED
        finite = isinstance(value, int) or (isinstance(value, float) and abs(value) < float("inf"))
        return value if finite else self._redact(str(value))

    def _traceback(self, record: logging.LogRecord) -> str:
        parts = []
        if record.exc_info and record.exc_info[0] is not None:
            parts.append(self.formatException(record.exc_info))
        elif record.exc_text:
            parts.append(record.exc_text)
        if record.stack_info:
            parts.append(self.formatStack(record.stack_info))
        return "\n".join(parts)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        # A call with the wrong arguments still deserves its line.
        return f"{record.msg} {record.args!r}"


def logfmt(pairs: Mapping[str, object]) -> str:
    """Write pairs as logfmt; the message is always in quotes, other values when they need them."""
    return " ".join(f"{key}={_logfmt_value(key, value)}" for key, value in pairs.items())


def _logfmt_value(key: str, value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = str(value)
    if key != "msg" and re.fullmatch(r"[^\s\"=\\]+", text) and text.isprintable():
        return text
    return _visible(json.dumps(text, ensure_ascii=False))


def json_line(pairs: Mapping[str, object]) -> str:
    """Write pairs as one JSON object."""
    return _visible(json.dumps(pairs, ensure_ascii=False))


def _visible(line: str) -> str:
    # JSON leaves alone what a terminal may obey: C1 controls, line separators, bidi marks.
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines to a stream, and stays quiet about the content of one it cannot write."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say where the line that could not be written came from; the default prints its data."""
        line = {"level": "error", "logger": __name__, "msg": "a log line could not be written"}
        try:
            self.stream.write(logfmt({**line, "source": f"{record.module}:{record.lineno}"}) + "\n")
        except (OSError, ValueError):
            # The stream itself is gone: there is nowhere left to say so.
            return


def configure(
    level: str,
    log_format: Literal["logfmt", "json"],
    secrets: Secrets = (),
    *,
    stream: TextIO | None = None,
) -> None:
    """Send every logger's records through here; a second call replaces the first.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        log_format: ``logfmt`` or ``json``.
        secrets: What must never appear, or a function giving it at the time of each line.
        stream: Where lines go; standard error when None.

    Raises:
        ValueError: When the level or format is unknown.
    """
    if level not in LEVELS:
        raise ValueError(f"{level!r} is not a log level; write one of {', '.join(LEVELS)}")
    if log_format not in FORMATS:
        raise ValueError(f"{log_format!r} is not a log format; write {' or '.join(FORMATS)}")
    render = logfmt if log_format == "logfmt" else json_line
    handler = LineHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(render, Redactor(secrets)))
    root = logging.getLogger()
    for former in [each for each in root.handlers if isinstance(each, LineHandler)]:
        root.removeHandler(former)
    root.addHandler(handler)
    number = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(number)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))


@contextmanager
def unexpected_errors_logged() -> Iterator[None]:
    """Log what ends the program, or a thread of it, as all else is logged: without secrets.

    Raises:
        SystemExit: in place of an error that ends the program.
    """
    usual = threading.excepthook
    threading.excepthook = _log_end_of_thread
    try:
        yield
    except Exception:
        log.critical("an unexpected error ends the exporter, please report it", exc_info=True)
        raise SystemExit(1) from None
    finally:
        threading.excepthook = usual


def _log_end_of_thread(end: threading.ExceptHookArgs) -> None:
    if end.exc_type is SystemExit or end.exc_value is None:
        return
    log.critical(
        "an unexpected error ends a thread, please report it",
        extra=fields(thread=end.thread.name if end.thread else None),
        exc_info=end.exc_value,
    )
