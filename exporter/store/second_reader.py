"""A query over very many rows of a SQLite file, read by a second process beside this one.

Python makes an object of each value of each row, on one core; so a restart with a million
deployments waits a third less where there is another.
"""

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import numpy as np

from exporter.dora.columns import Integers
from exporter.logs import fields

log = logging.getLogger(__name__)

_PROGRAM = Path(__file__).with_name("read_rows.py")


class SecondReader:
    """A process that reads, and a thread that takes what it read: else it would wait for this."""

    def __init__(self, process: "subprocess.Popen[bytes]", queries: str, width: int) -> None:
        self._process = process
        self._width = width
        self._data = b""
        self._taking = Thread(target=self._take, args=(queries,), name="second-reader")
        self._taking.start()

    def rows(self, state: int) -> Integers | None:
        """Return the rows as an array with a row for each column, when all are read.

        None if the process failed, or saw another state than this one.
        """
        self._taking.join()
        numbers = np.frombuffer(self._data[: len(self._data) // 8 * 8], np.int64)
        if self._process.returncode or not len(numbers) or numbers[0] != state:
            log.info(
                "a second process could not read along, so this takes longer",
                extra=fields(code=self._process.returncode),
            )
            return None
        return numbers[1:].reshape(-1, self._width).T

    def end(self) -> None:
        """End the process, whether it has read all or not."""
        self._process.kill()
        self._taking.join()

    def _take(self, queries: str) -> None:
        self._data, _ = self._process.communicate(queries.encode())


@contextmanager
def second_reader(
    file: Path, state: str, query: str, *, width: int
) -> Iterator[SecondReader | None]:
    """Have the rows of a query read within; gives None where no process can be started.

    Args:
        file: of the database.
        state: a query for a number that tells the states of the facts apart.
        query: without parameters, for rows of integers.
        width: of a row.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - a program of this package
            [sys.executable, "-I", "-S", str(_PROGRAM), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={},  # it needs no tokens
            process_group=0,  # Ctrl-C is for the exporter
        )
    except OSError as error:
        log.info("no second process can be started", extra=fields(error=str(error)))
        yield None
        return
    reader = SecondReader(process, f"{_line(state)}\n{_line(query)}\n", width)
    try:
        yield reader
    finally:
        reader.end()


def _line(query: str) -> str:
    return " ".join(query.split())
