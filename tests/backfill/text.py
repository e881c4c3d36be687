"""What a backfill wrote, read by prometheus-client's parser of OpenMetrics."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.backfill import backfill
from exporter.config import Settings
from tests.filling import StoppedClock, utc

Series = tuple[str, frozenset[tuple[str, str]]]
"""Name and labels."""


def write(
    settings: Settings,
    output: Path,
    *,
    labels: Mapping[str, str] | None = None,
    skip_last: timedelta = timedelta(),
    clock: StoppedClock | None = None,
) -> str:
    """Write a backfill and return it."""
    samples = backfill(
        settings,
        output,
        clock=clock or StoppedClock(utc("2030-01-01")),
        labels=labels or {},
        skip_last=skip_last,
    )
    text = output.read_text(encoding="utf-8")
    assert sum(not line.startswith("#") for line in text.splitlines()) == samples
    return text


def by_moment(text: str) -> dict[float, dict[Series, float]]:
    """Return all values by their moment in Unix time."""
    found: dict[float, dict[Series, float]] = defaultdict(dict)
    for family in parsed(text):
        for sample in family.samples:
            assert sample.timestamp is not None
            series = sample.name, frozenset(sample.labels.items())
            assert series not in found[float(sample.timestamp)]
            found[float(sample.timestamp)][series] = sample.value
    return dict(found)


def parsed(text: str) -> Iterator[Metric]:
    """Give the families of OpenMetrics text; the parser refuses what does not follow its rules."""
    yield from text_string_to_metric_families(text)  # type: ignore[no-untyped-call]


def kinds(text: str) -> dict[str, tuple[str, str]]:
    """Return kind and help of each family of projects and groups."""
    return {
        family.name: (family.type, family.documentation)
        for family in parsed(text)
        if family.name.startswith(("gitlab_dora_project_", "gitlab_dora_group_"))
    }
