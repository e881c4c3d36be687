"""An exporter driven by hand: polled when a test says so, read through its own pages."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from exporter.config import Settings
from exporter.instant import MICROSECONDS
from exporter.service import Service
from exporter.simulator import DEFAULT_TOKEN
from tests.clock import FakeClock

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

_CHANGING = ("process_", "python_", "gitlab_dora_exporter_")


class DrivenExporter:
    """One exporter, its pages and its database."""

    def __init__(self, settings: Settings, clock: FakeClock, database: Path) -> None:
        self.database = database
        self.service = Service(settings, settings.gitlab.token_source(), clock=clock)
        self._pages = httpx.ASGITransport(self.service.app())

    def poll(self) -> bool:
        """Poll once; return whether the poll was complete."""
        return self.service.poll()

    def close(self) -> None:
        """End it; what it stored stays."""
        self.service.close()

    def page(self, path: str, **parameters: str) -> httpx.Response:
        """Return the answer to a request, whatever its status."""

        async def get() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._pages, base_url="http://exporter"
            ) as client:
                return await client.get(path, params=parameters or None)

        return asyncio.run(get())

    def samples(self) -> Samples:
        """Return every sample of ``/metrics`` by name and labels."""
        answer = self.page("/metrics")
        assert answer.status_code == 200
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }

    def numbers(self) -> Samples:
        """Return the samples that say something of projects and groups."""
        return {
            key: value for key, value in self.samples().items() if not key[0].startswith(_CHANGING)
        }

    def series(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Return labels and values of a family's series that have these labels."""
        full = name if name.startswith("gitlab_dora_") else f"gitlab_dora_{name}"
        wanted = set(labels.items())
        return [
            (dict(found), value)
            for (sample, found), value in self.samples().items()
            if sample == full and wanted <= found
        ]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of the one series with these labels, None where there is none.

        A project or group is shown in one tier here unless a label says otherwise: production.
        """
        if name.startswith(("project_", "group_")):
            labels = {"environment_tier": "production", **labels}
        found = self.series(name, **labels)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def recent(self, project: str, window: str = "30d", tier: str = "production") -> float | None:
        """Return the deployments of a project in a trailing window."""
        return self.value(
            "project_recent_deployments", project=project, window=window, environment_tier=tier
        )

    def total(self, project: str, tier: str = "production") -> float | None:
        """Return the counter of a project."""
        return self.value("project_deployments_total", project=project, environment_tier=tier)

    def group_recent(
        self, group: str, window: str = "30d", tier: str = "production"
    ) -> float | None:
        """Return the deployments of a group in a trailing window."""
        return self.value(
            "group_recent_deployments", group=group, window=window, environment_tier=tier
        )

    def lead_time(self, project: str, window: str = "30d", percentile: str = "50") -> float | None:
        """Return a percentile of the lead times of a project, in seconds."""
        return self.value(
            "project_lead_time_for_changes_seconds",
            project=project,
            window=window,
            percentile=percentile,
        )

    def merge_requests(self, project: str, window: str = "30d") -> float | None:
        """Return how many merge requests stand behind the lead time of a project."""
        return self.value(
            "project_lead_time_for_changes_merge_requests", project=project, window=window
        )

    def projects(self) -> set[str]:
        """Return the paths of the projects that are shown."""
        return {
            labels["project"] for labels, _ in self.series("exporter_project_poll_errors_total")
        }

    def dora(self, reference: str, metric: str = "deployment_frequency", **parameters: str) -> Any:
        """Return the JSON answer for a project or group, such as ``projects/acme%2Fapp``."""
        answer = self.page(f"/{reference}/dora/metrics", metric=metric, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def stored(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Run a query on the database."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(query, arguments).fetchall()

    def finishes(self) -> list[tuple[float, str]]:
        """Return the stored finishes, in Unix time, and where each was read, the oldest first."""
        rows = self.stored(
            "SELECT finished_at, finish_source FROM deployments ORDER BY finished_at"
        )
        return [(at / MICROSECONDS, source) for at, source in rows]


def settings_for(url: str, database: Path, changes: Mapping[str, Any]) -> Settings:
    """Return settings for the group ``acme``, with some sections changed key by key."""
    base: dict[str, Any] = {
        "gitlab": {
            "url": url,
            "token": DEFAULT_TOKEN,
            "max_requests_per_second": 100_000,
            "timeout": "5s",
        },
        "poll": {"freshness": "1s"},  # every project is asked at each poll
        "store": {"url": f"sqlite:///{database}"},
        "api": {"auth": "none"},
    }
    if "projects" not in changes:
        base["groups"] = [{"path": "acme"}]
    for section, content in changes.items():
        known = base.get(section)
        merged = isinstance(known, dict) and isinstance(content, dict)
        base[section] = {**known, **content} if merged and known is not None else content
    return Settings.model_validate(base)
