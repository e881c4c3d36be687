"""One exporter for each SQLite file: a lock beside it that is held as long as the process lives.

A file of its own, because closing any other handle of the database would give SQLite's own locks
up. It stays there when the exporter ends: to remove it could take it from one that just began.
"""

import logging
import os
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from exporter.store.trouble import StoreError

log = logging.getLogger(__name__)


class FileLock:
    """The lock of one database, held from the begin until :meth:`release`."""

    def __init__(self, database: Path) -> None:
        """Take the lock.

        Raises:
            StoreError: if another process has it, or it cannot be made.
        """
        path = database.with_name(f"{database.name}.lock")
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(f"store.url: cannot open {path}: {error.strerror}") from None
        try:
            flock(self._handle, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            owner = os.read(self._handle, 20).decode(errors="replace").strip()
            os.close(self._handle)
            pid = f" (pid {owner})" if owner.isdecimal() else ""
            raise StoreError(
                f"store.url: {database} is used by another exporter{pid}; "
                "give each exporter a file of its own, or all of them one PostgreSQL"
            ) from None
        except OSError as error:  # a file system without locks
            log.warning("%s cannot be locked: %s; let no other exporter use it", path, error)
        os.ftruncate(self._handle, 0)
        os.write(self._handle, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Give it up."""
        os.close(self._handle)
