"""Cutting work into pieces of a size that a statement, a query or a transaction can take."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def in_batches(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """Yield the items in order, ``size`` at a time; the last batch may be shorter."""
    # `itertools.batched` comes with Python 3.12.
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
