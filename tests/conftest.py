"""How many tests run side by side, and which first; what each of them leaves as it was."""

import logging
import os
from collections.abc import Iterator

import pytest

from exporter.logs import _QUIET, LineHandler


def pytest_xdist_auto_num_workers() -> int:
    """Return how many workers ``-n auto`` means: three for two cores.

    Many tests wait for the processes and servers that they start, and leave a core to others.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ((cores or 1) * 3 + 1) // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests that may take longest, so that no worker is left with one."""
    items.sort(key=_seconds_allowed, reverse=True)


def _seconds_allowed(item: pytest.Item) -> float:
    timeout = item.get_closest_marker("timeout")
    if timeout is None or item.get_closest_marker("long") is None:
        return 0
    return float(timeout.args[0])


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    """Take back what a command did to logging: the next test may count lines."""
    root = logging.getLogger()
    levels = {one: one.level for one in (root, *map(logging.getLogger, _QUIET))}
    yield
    for handler in [one for one in root.handlers if isinstance(one, LineHandler)]:
        root.removeHandler(handler)
    for one, level in levels.items():
        one.setLevel(level)
