"""What a database says when its disk is full, read-only or damaged, in words that help."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext


class StoreError(Exception):
    """The store cannot be opened or used; the message says why and what to do."""


class UnusableError(StoreError):
    """Nothing can be stored or read, because of the disk that the database lies on."""


_NO_SPACE = "free space for it; nothing that is stored is lost, and the next poll goes on"
_NO_WRITES = "make it writable again; nothing that is stored is lost, and the next poll goes on"
_DAMAGED = "stop the exporter and restore a backup, as docs/operations.md says"

_SQLITE: Mapping[int, str] = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: _NO_SPACE,
        sqlite3.SQLITE_IOERR: _NO_SPACE,
        sqlite3.SQLITE_READONLY: _NO_WRITES,
        sqlite3.SQLITE_CANTOPEN: _NO_WRITES,
        sqlite3.SQLITE_CORRUPT: _DAMAGED,
        sqlite3.SQLITE_NOTADB: _DAMAGED,
    }
)
"""What helps, by SQLite's result code: https://www.sqlite.org/rescode.html"""

_POSTGRESQL: Mapping[str, str] = MappingProxyType(
    {
        "53100": _NO_SPACE,
        "25006": _NO_WRITES,
        "XX001": _DAMAGED,
        "XX002": _DAMAGED,
    }
)
"""The same by SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html"""


def advice(error: BaseException | None) -> str | None:
    """Return what helps against an error of a driver, None where it is no trouble of the disk."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        return _SQLITE.get(code & 0xFF)  # without what makes it more precise
    state = getattr(error, "sqlstate", None)
    return _POSTGRESQL.get(state) if isinstance(state, str) else None


def tell_of_disk_trouble(engine: Engine) -> None:
    """Let every statement raise :class:`UnusableError` where the database's disk is the reason."""

    def tell(context: ExceptionContext) -> None:
        _tell(context.original_exception)

    event.listen(engine, "handle_error", tell)


@contextmanager
def disk_trouble_told() -> Iterator[None]:
    """Do the same for what the driver is asked without SQLAlchemy.

    Raises:
        UnusableError: in place of an error that the disk is the reason for.
    """
    try:
        yield
    except Exception as error:
        _tell(error)
        raise


def _tell(error: BaseException) -> None:
    help_ = advice(error)
    if help_ is not None:
        reason = str(error).strip().partition("\n")[0]
        raise UnusableError(f"the database cannot be used: {reason}; {help_}") from None
