"""Where the text goes: a file that is there whole or not at all, or standard output."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

STANDARD_OUTPUT = Path("-")


def folder_of(output: Path) -> Path | None:
    """Return the folder of a file, None for standard output.

    Raises:
        OSError: if there cannot be a file.
    """
    if output == STANDARD_OUTPUT:
        return None
    if output.exists() and not output.is_file():
        raise FileExistsError(f"{output} is there and is no file; - is standard output")
    folder = output.resolve().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    return folder


@contextmanager
def written_whole(output: Path) -> Iterator[IO[bytes]]:
    """Open what to write to; a file appears, or is replaced, once all was written.

    Raises:
        OSError: if it cannot be written.
    """
    if output == STANDARD_OUTPUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = output.resolve()  # a link stays one
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
