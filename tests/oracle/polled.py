"""The exporter as it stands: polls over HTTP, then answers like any ASGI application."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
from starlette.testclient import TestClient

from exporter.config import Settings
from exporter.service import Service
from tests.oracle.brute_force import Sample, sample
from tests.oracle.clock import FixedClock

_SETTLED = timedelta(minutes=5)

_OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class PolledExporter:
    """The pages of an exporter that has polled once since it started."""

    def __init__(self, client: TestClient) -> None:
        self._client = client

    def get(self, url: str) -> tuple[int, Any]:
        """Return the status of an answer and its JSON."""
        response = self._client.get(url)
        return response.status_code, json.loads(response.content)

    def gauges(self, *, as_openmetrics: bool = False) -> dict[Sample, float]:
        """Return the samples of projects and groups, read by a Prometheus parser."""
        accept = _OPENMETRICS if as_openmetrics else "text/plain"
        response = self._client.get("/metrics", headers={"accept": accept})
        assert response.headers["content-type"].startswith(accept.partition(";")[0])
        read = (openmetrics if as_openmetrics else parser).text_string_to_metric_families
        found: dict[Sample, float] = {}
        for family in read(response.text):
            for one in family.samples:
                if one.name.startswith(("gitlab_dora_project_", "gitlab_dora_group_")):
                    key = sample(one.name, one.labels)
                    assert key not in found, f"twice: {key}"
                    found[key] = one.value
        return found


@contextmanager
def polled_exporter(settings: Mapping[str, Any], now: datetime) -> Iterator[PolledExporter]:
    """Start an exporter at a moment, poll once, and yield its pages.

    The merge requests of deployments that finished right before that moment are read when they are
    final, between this poll and the next one; the numbers are still those of the poll.
    """
    read = Settings.model_validate(settings)
    clock = FixedClock(now)
    with (
        Service(read, read.gitlab.token_source(), clock=clock) as service,
        TestClient(service.app()) as client,
    ):
        assert service.poll(), "the poll is not complete"
        with clock.at(now + _SETTLED):
            service._read_links()
        yield PolledExporter(client)
