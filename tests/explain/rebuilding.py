"""Numbers made again from the JSON of an explanation alone, as a user's script would."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

Json = dict[str, Any]
Get = Callable[[str], tuple[int, Any]]
"""Asks for path and query; gives the status of the answer and its JSON."""

PER_PAGE = 100


@dataclass(frozen=True)
class Bucket:
    """One bucket of an explanation with its parts, and the number that was answered."""

    metric: str
    aggregation: str
    totals: Json
    parts: Sequence[Json]
    answered: float | None

    def flaw(self) -> str | None:
        """Return where the parts do not make the number or the totals, None if they do."""
        counting = [one for one in self.parts if one["counted"]]
        left_out = [one for one in self.parts if not one["counted"]]
        reasons = Counter(one["reason"] for one in left_out)
        expected = {
            "value": self.answered,
            "counted": len(counting),
            "deployments": len({one["deployment"]["id"] for one in counting}),
            "merge_requests": len(
                {
                    (one["deployment"]["project_id"], one["merge_request"]["iid"])
                    for one in counting
                    if one["merge_request"]
                }
            ),
            "left_out": dict(reasons),
            "marked": dict(Counter(mark for one in counting for mark in one["marks"])),
        }
        told = {name: self.totals[name] for name in expected}
        if told != expected:
            return f"{self.totals['date']}: told {told}, parts make {expected}"
        if reasons["before_history"]:
            return None if self.answered is None else "a number before the history"
        rebuilt = self._rebuilt(counting)
        # Where there is nothing, only the history tells whether there could have been.
        if rebuilt == self.answered or (not self.parts and self.answered is None):
            return None
        return f"{self.totals['date']}: answered {self.answered}, parts make {rebuilt}"

    def _rebuilt(self, counting: Sequence[Json]) -> float | None:
        if self.metric == "deployment_frequency":
            return len(counting)
        waited = [one["lead_time"] for one in counting]
        if self.aggregation == "daily_medians":
            days: dict[tuple[int, str], list[float]] = defaultdict(list)
            for one in counting:
                deployment = one["deployment"]
                days[deployment["environment_id"], deployment["day"]].append(one["lead_time"])
            waited = [round(_median(some)) for some in days.values()]
        return _median(waited) if waited else None


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    place = 0.5 * (len(ordered) - 1)
    below = int(place)
    low = ordered[below]
    return low if place == below else low + (place - below) * (ordered[below + 1] - low)


def explained(get: Get, url: str) -> list[Bucket]:
    """Return every bucket of a question, from all pages of its explanation.

    Args:
        get: asks the exporter.
        url: the question, put to ``/dora/metrics``.
    """
    status, numbers = get(f"{url}&payload=date_value")
    assert status == 200
    pages: list[Json] = []
    for number in count(1):
        page = f"&page={number}&per_page={PER_PAGE}"
        status, answer = get(url.replace("/dora/metrics", "/dora/explain") + page)
        assert status == 200
        pages.append(answer)
        if len(answer["parts"]) < PER_PAGE:
            break
    parts = [part for page in pages for part in page["parts"]]
    first = pages[0]
    assert all(page["buckets"] == first["buckets"] for page in pages), "totals have no page"
    assert all((part["reason"] is None) == part["counted"] for part in parts)
    if first["interval"] == "all":
        numbers = [{"date": first["buckets"][0]["date"], "value": numbers}]
    assert [one["date"] for one in first["buckets"]] == [one["date"] for one in numbers]
    by_bucket: dict[str, list[Json]] = defaultdict(list)
    for part in parts:
        by_bucket[part["bucket"]].append(part)
    assert by_bucket.keys() <= {one["date"] for one in first["buckets"]}
    return [
        Bucket(
            first["metric"],
            first["aggregation"],
            totals,
            by_bucket[totals["date"]],
            number["value"],
        )
        for totals, number in zip(first["buckets"], numbers, strict=True)
    ]
