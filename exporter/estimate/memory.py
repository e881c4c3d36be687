"""How much memory both processes of the exporter take between polls.

A line through the measured estates of docs/operations.md ("How large a machine"), whose parts were
measured step by step in docs/performance.md: the history of a million deployments with one and a
half million merge requests takes 50 MB, and 311,155 series the rest. A restart takes more for some
seconds, half as much again where the history is large.
"""

MEGABYTE = 1_000_000

BASE = 153 * MEGABYTE
"""Programs, libraries and the front, with next to nothing to show."""

OF_A_DEPLOYMENT = 50
"""Bytes of a stored deployment with its merge requests."""

OF_A_SERIES = 290
"""Bytes of a series: its number, and its text in all formats."""


def memory(*, series: float, deployments: float) -> float:
    """Return the bytes that are resident between two polls."""
    return BASE + OF_A_SERIES * series + OF_A_DEPLOYMENT * deployments
