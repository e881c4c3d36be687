"""Memory: taken without pauses where very much is made at once, and given back afterwards."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_MMAP_THRESHOLD = -3
"""The option's number in glibc's malloc.h."""

_LARGE = 1 << 20
"""Bytes. To map a block takes as long as to fill some pages."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Hold the garbage collector back within; what is in no cycle is freed all the same.

    Rows of a million deployments set it off thousands of times, for a sixth of the time that
    reading them takes. Where it is off already, it stays off.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def map_large_blocks() -> None:
    """Have the C library (glibc) map each large block by itself, and unmap it when it is free.

    Left alone it raises the size from which it does so up to 32 MB, as such blocks come and go, and
    keeps the rest at the end of the heap of each thread, where :func:`give_back` does not reach.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)


def give_back() -> None:
    """Give memory that is free back to the system, where the C library (glibc) can.

    It keeps what was freed between blocks that are still used: after a million deployments were
    read, a third of all that the process has.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # musl has no such function
            ctypes.CDLL(None).malloc_trim(0)
