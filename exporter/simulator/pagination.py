"""Pages of a list, with GitLab's headers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from exporter.simulator.call import Answer, Call
from exporter.simulator.errors import ApiError, bad_parameter

T = TypeVar("T")

DEFAULT_PAGE: Final = 20
COUNTED_ROWS: Final = 10_000
LARGEST_PROJECT_OFFSET: Final = 50_000


@dataclass(frozen=True)
class Page:
    """Which rows are asked for; `number` counts from 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """How many rows come before."""
        return (self.number - 1) * self.size


def requested_page(call: Call) -> Page:
    """Read `page` and `per_page`.

    Raises:
        ApiError: 400 when one is no number, or when a page of no rows is asked for.
    """
    number, size = call.number("page"), call.number("per_page")
    if size == 0:
        raise bad_parameter("per_page has a value not allowed")
    largest = call.world.features.largest_page
    return Page(max(1, number or 1), min(largest, max(1, size or DEFAULT_PAGE)))


def offset_page(call: Call, rows: Sequence[T], render: Callable[[T], dict[str, Any]]) -> Answer:
    """Answer with one page of rows that are all at hand."""
    page = requested_page(call)
    shown = rows[page.offset : page.offset + page.size]
    return Answer([render(row) for row in shown], offset_headers(call, page, len(rows)))


def offset_headers(call: Call, page: Page, total: int) -> dict[str, str]:
    """Put together the headers of one page.

    Args:
        call: The request; its own URL is what the links are made from.
        page: The page that is answered.
        total: How many rows there are in all; kept to itself above 10,000.

    Returns:
        `X-*` and `Link`; an unknown or absent page number is empty.
    """
    last = max(1, -(-total // page.size))
    before = page.number - 1 if page.number > 1 else None
    after = page.number + 1 if page.number < last else None
    headers = {
        "X-Next-Page": str(after or ""),
        "X-Page": str(page.number),
        "X-Per-Page": str(page.size),
        "X-Prev-Page": str(before or ""),
    }
    links = {"prev": before, "next": after, "first": 1}
    if total <= COUNTED_ROWS:
        headers |= {"X-Total": str(total), "X-Total-Pages": str(last if total else 1)}
        links["last"] = last
    headers["Link"] = ", ".join(
        _link(call, relation, page=number, per_page=page.size)
        for relation, number in links.items()
        if number is not None
    )
    return headers


def keyset_page(
    call: Call,
    rows: Sequence[T],
    identify: Callable[[T], int],
    render: Callable[[T], dict[str, Any]],
    *,
    descending: bool,
) -> Answer:
    """Answer with the first rows and a link to those after them.

    The link is there until a page comes back empty.

    Args:
        call: The request; `id_after` and `id_before` have already been applied to the rows.
        rows: What is left to show, sorted by id.
        identify: Gives a row's id.
        render: Gives a row's JSON.
        descending: Whether the rows run from high ids to low ones.
    """
    size = requested_page(call).size
    shown = rows[:size]
    if not shown:
        return Answer([])
    bound = "id_before" if descending else "id_after"
    link = _link(call, "next", **{bound: identify(shown[-1]), "per_page": size})
    return Answer([render(row) for row in shown], {"Link": link})


def refuse_deep_offset(call: Call) -> None:
    """Refuse an offset beyond what GitLab allows for projects.

    Raises:
        ApiError: 405, pointing to keyset pagination.
    """
    if requested_page(call).offset > LARGEST_PROJECT_OFFSET:
        raise ApiError(
            405,
            {
                "error": "Offset pagination has a maximum allowed offset of"
                f" {LARGEST_PROJECT_OFFSET} for requests that return objects of type Project."
                " Remaining records can be retrieved using keyset pagination."
            },
        )


def _link(call: Call, relation: str, **changes: int) -> str:
    names = changes.keys() | {"private_token"}
    kept = [(name, value) for name, value in call.query.multi_items() if name not in names]
    query = urlencode([*kept, *((name, str(value)) for name, value in changes.items())])
    return f'<{call.base_url}{call.path}?{query}>; rel="{relation}"'
