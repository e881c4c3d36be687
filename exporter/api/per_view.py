"""What was computed from one view of the history, kept until there is another."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from cachetools import LRUCache

from exporter.api.parameters import Query
from exporter.dora.facts import Group, Project
from exporter.ledger import View

_Value = TypeVar("_Value")
_Key = tuple[str, int, Query]


class PerView(Generic[_Value]):
    """Answers to questions over one view; a new view empties it, the least used go first."""

    def __init__(self, size: int, size_of: Callable[[_Value], int] | None = None) -> None:
        """Keep answers.

        Args:
            size: of all that are kept together.
            size_of: of one, 1 if None. One that is larger than all may be is not kept.
        """
        self._lock = Lock()
        self._view: View | None = None
        self._size_of = size_of or (lambda _: 1)
        self._kept: LRUCache[_Key, _Value] = LRUCache(size, self._size_of)

    def get(
        self,
        view: View,
        container: Project | Group,
        query: Query,
        compute: Callable[[], _Value],
    ) -> _Value:
        """Return the answer to a question, computed if it is not kept."""
        key = (type(container).__name__, container.id, query)
        with self._lock:
            if self._view is not view:
                self._view = view
                self._kept.clear()
            kept = self._kept.get(key)
        if kept is not None:
            return kept
        computed = compute()
        with self._lock:
            if self._view is view and self._size_of(computed) <= self._kept.maxsize:
                self._kept[key] = computed
        return computed
