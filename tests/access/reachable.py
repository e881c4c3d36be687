"""Everything that is in memory because one object is."""

import gc
from collections.abc import Iterator
from types import FunctionType, ModuleType


def reachable(root: object) -> Iterator[object]:
    """Yield all objects that an object leads to; not through classes, modules and globals."""
    seen = {id(root)}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        yield one
        following = (
            [one.__closure__, one.__defaults__]
            if isinstance(one, FunctionType)
            else gc.get_referents(one)
        )
        for other in following:
            if isinstance(other, type | ModuleType) or id(other) in seen:
                continue
            seen.add(id(other))
            waiting.append(other)


def texts(root: object) -> Iterator[str]:
    """Yield all text and bytes that an object leads to."""
    for one in reachable(root):
        if isinstance(one, str):
            yield one
        elif isinstance(one, bytes | bytearray):
            yield one.decode("latin-1")
