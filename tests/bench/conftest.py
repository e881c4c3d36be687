"""What the benchmarks share."""

from tests.postgres import postgres

__all__ = ["postgres"]
