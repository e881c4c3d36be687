"""Waiting for another process, which knows no clock of ours."""

import time
from collections.abc import Callable


def wait_until(reached: Callable[[], bool], seconds: float = 60, every: float = 0.1) -> None:
    """Look again and again; fail if it is not reached in time."""
    last = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > last:
            raise AssertionError(f"not reached in {seconds} s")
        time.sleep(every)
