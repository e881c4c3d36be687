"""A program that reads integers from a SQLite file: :mod:`exporter.store.second_reader` starts it.

It gets queries on its standard input, one a line, and writes the integers of all their rows to its
standard output, each in 8 bytes. All queries see the same state. It needs the standard library
only, so that it begins at once.
"""

import gc
import sqlite3
import sys
from array import array
from collections.abc import Iterable
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import IO

_ROWS = 20_000


def write_rows(file: Path, queries: Iterable[str], out: IO[bytes]) -> None:
    """Write the integers of all rows of some queries, one query after the other."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        connection.execute("BEGIN")
        for query in queries:
            cursor = connection.execute(query)
            while rows := cursor.fetchmany(_ROWS):
                out.write(array("q", chain.from_iterable(rows)).tobytes())


if __name__ == "__main__":
    gc.disable()
    write_rows(Path(sys.argv[1]), sys.stdin.read().splitlines(), sys.stdout.buffer)
