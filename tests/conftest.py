"""How many tests run side by side."""

import os


def pytest_xdist_auto_num_workers() -> int:
    """Return how many workers ``-n auto`` means: three for two cores.

    Many tests wait for the processes and servers that they start, and leave a core to others.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ((cores or 1) * 3 + 1) // 2
