"""Pages of a list, by GitLab's parameters and headers.

https://docs.gitlab.com/ee/api/rest/#offset-based-pagination
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

_Item = TypeVar("_Item")

USUAL, MOST = 20, 100
"""Items of a page where ``per_page`` is not given, and at most."""

LARGEST = 999_999_999
"""No page has a larger number."""

HEADERS = ("X-Total", "X-Total-Pages", "X-Page", "X-Per-Page", "X-Next-Page", "X-Prev-Page")


@dataclass(frozen=True, slots=True)
class Page:
    """Which page is asked for; ``number`` counts from 1, ``size`` is in items."""

    number: int = 1
    size: int = USUAL

    def of(self, items: Sequence[_Item]) -> Sequence[_Item]:
        """Return the items of this page, none behind the last one."""
        return items[(self.number - 1) * self.size : self.number * self.size]

    def headers(self, total: int, query: Sequence[tuple[str, str]]) -> Mapping[str, str]:
        """Return the headers of this page.

        The links hold nothing but a query: they lead to where the request went, whatever stands
        between, and no token is among what is repeated.

        Args:
            total: how many items there are in all.
            query: asks for the same, without the page.
        """
        last = max(1, -(-total // self.size))
        following = self.number + 1 if self.number < last else None
        before = min(self.number - 1, last) or None
        values = (total, last, self.number, self.size, following, before)
        numbers = {"prev": before, "next": following, "first": 1, "last": last}
        links = (
            f'<?{urlencode([*query, ("page", number), ("per_page", self.size)])}>; rel="{relation}"'
            for relation, number in numbers.items()
            if number is not None
        )
        shown = ("" if value is None else str(value) for value in values)
        return {**dict(zip(HEADERS, shown, strict=True)), "Link": ", ".join(links)}


def read_page(query: QueryParams) -> tuple[Page, list[str]]:
    """Return which page is asked for, and what of it cannot be read.

    More than :data:`MOST` items are as many, as in GitLab.
    """
    errors: list[str] = []
    number = _number(query, "page", 1, errors)
    return Page(number, min(MOST, _number(query, "per_page", USUAL, errors))), errors


def _number(query: QueryParams, name: str, default: int, errors: list[str]) -> int:
    text = query.get(name)
    if text is None and f"{name}[]" not in query:
        return default
    short = text is not None and text.isascii() and text.isdigit() and len(text) <= 20
    number = int(text) if text is not None and short else 0
    if not 1 <= number <= LARGEST:
        errors.append(f"{name} is invalid")
        return default
    return number
