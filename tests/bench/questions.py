"""The questions that both sides answer, the exporter that answers them, and how to compare."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from typing import Any

from exporter.config import Settings
from exporter.service import Service
from tests.bench.fleet import GROUP
from tests.bench.gitlab_database import Source
from tests.bench.served import JsonClient, client_of

METRICS = ("deployment_frequency", "lead_time_for_changes")
INTERVALS = ("daily", "monthly", "all")
SOURCES: dict[Source, str] = {"daily rows": "daily_medians", "deployments": "merge_requests"}
"""GitLab's queries, each with the aggregation that computes the same."""

Question = tuple[Source, str, str]
"""Over which of GitLab's rows, metric and interval."""

QUESTIONS: list[Question] = list(product(SOURCES, METRICS, INTERVALS))


@dataclass(frozen=True)
class Exporter:
    """A served exporter."""

    service: Service
    client: JsonClient

    @classmethod
    @contextmanager
    def over(cls, database: Path, *, aggregation: str) -> "Iterator[Exporter]":
        """Serve what a filled database holds; nothing is polled."""
        settings = Settings.model_validate(
            {
                "gitlab": {"url": "http://127.0.0.1:9", "token": "none"},
                "groups": [GROUP],
                "lead_time": {"aggregation": aggregation},
                "store": {"url": f"sqlite:///{database}"},
                "api": {"auth": "none"},
            }
        )
        with (
            Service(settings, settings.gitlab.token_source()) as service,
            client_of(service.app()) as client,
        ):
            yield cls(service, client)

    def ask(self, metric: str, interval: str, start: date, end: date) -> Any:
        """Return what the group's page answers."""
        return self.client.get(
            f"/api/v4/groups/{GROUP}/dora/metrics",
            metric=metric,
            interval=interval,
            start_date=start.isoformat(),
            end_date=end.isoformat(),
        )


def as_answered(
    rows: list[tuple[date | None, Any]], metric: str, interval: str, start: date, end: date
) -> Any:
    """Return PostgreSQL's rows in the form of the API, with the buckets it leaves out."""
    if interval == "all":
        return rows[0][1]
    empty = 0 if metric == "deployment_frequency" else None
    numbers = dict(rows)
    days = [start + timedelta(days=one) for one in range((end - start).days + 1)]
    buckets = days if interval == "daily" else sorted({day.replace(day=1) for day in days})
    return [{day.isoformat(): numbers.get(day, empty)} for day in buckets]
