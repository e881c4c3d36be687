"""Questions to the JSON API, and what their answers look like."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from urllib.parse import quote, urlencode

Kind = Literal["project", "group"]
Metric = Literal["deployment_frequency", "lead_time_for_changes"]
Interval = Literal["daily", "monthly", "all"]
Payload = Literal["key_value", "date_value"]
Address = Literal["id", "encoded", "plain", "api", "query"]

METRICS: tuple[Metric, ...] = ("deployment_frequency", "lead_time_for_changes")
INTERVALS: tuple[Interval, ...] = ("daily", "monthly", "all")
PAYLOADS: tuple[Payload, ...] = ("key_value", "date_value")
ADDRESSES: tuple[Address, ...] = ("id", "encoded", "plain", "api", "query")
TIERS = ("production", "staging", "testing", "development", "other")

Value = float | None
Series = list[tuple[date, Value]]
"""The numbers by the day that names the bucket; of the interval ``all`` one, named by its start."""


@dataclass(frozen=True)
class Question:
    """One request. ``start`` and ``end`` are None where the request does not give them."""

    kind: Kind
    id: int
    path: str
    metric: Metric
    interval: Interval
    tiers: tuple[str, ...] = ("production",)
    start: date | None = None
    end: date | None = None
    payload: Payload | None = None
    address: Address = "id"

    def url(self) -> str:
        """Return path and query of the request."""
        query: list[tuple[str, str]] = [("metric", self.metric), ("interval", self.interval)]
        if self.start is not None:
            query.append(("start_date", self.start.isoformat()))
        if self.end is not None:
            query.append(("end_date", self.end.isoformat()))
        if len(self.tiers) == 1:
            query.append(("environment_tier", self.tiers[0]))
        else:
            query += [("environment_tiers[]", tier) for tier in self.tiers]
        if self.payload is not None:
            query.append(("payload", self.payload))
        if self.address == "query":
            return f"/dora/metrics?{urlencode([*query, (self.kind, self.path)])}"
        reference = {
            "id": str(self.id),
            "api": str(self.id),
            "encoded": quote(self.path, safe=""),
            "plain": self.path,
        }[self.address]
        prefix = "/api/v4" if self.address == "api" else ""
        return f"{prefix}/{self.kind}s/{reference}/dora/metrics?{urlencode(query)}"

    def document(self, series: Series, default_payload: Payload) -> Any:
        """Return the JSON that answers with these numbers, as the interface lays it down."""
        if self.interval == "all":
            return series[0][1]
        if (self.payload or default_payload) == "key_value":
            return [{day.isoformat(): value} for day, value in series]
        return [{"date": day.isoformat(), "value": value} for day, value in series]
