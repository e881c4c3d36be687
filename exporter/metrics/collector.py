"""A snapshot as families of prometheus-client."""

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporter.dora.arithmetic import Period
from exporter.instant import MICROSECONDS
from exporter.metrics.catalogue import GROUP, PROJECT, Families, Family
from exporter.metrics.snapshot import Row, Snapshot

Labelled = tuple[Sequence[str], Row]


def new_metric(family: Family) -> CounterMetricFamily | GaugeMetricFamily:
    """Return a family without samples."""
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    return kind(family.name, family.help, labels=family.labels)


class DoraCollector(Collector):
    """Gives the families of the last snapshot."""

    def __init__(self) -> None:
        self.snapshot = Snapshot(None, (), ())

    def describe(self) -> Iterator[Metric]:
        """Name the families, so that they can be asked for one by one."""
        for family in (*PROJECT.all(), *GROUP.all()):
            yield new_metric(family)

    def collect(self) -> Iterator[Metric]:
        """Give the families with their samples."""
        snapshot = self.snapshot
        projects: list[Labelled] = []
        groups: list[Labelled] = []
        for project, rows in snapshot.projects:
            projects += [
                ((str(project.id), project.path, project.group, row.tier), row) for row in rows
            ]
        for group, rows in snapshot.groups:
            groups += [
                ((str(group.id), group.path, str(group.level), row.tier), row) for row in rows
            ]
        yield from _collect(PROJECT, projects)
        yield from _collect(GROUP, groups)


def _collect(families: Families, rows: Sequence[Labelled]) -> Iterator[Metric]:
    total = new_metric(families.deployments_total)
    last = new_metric(families.last_deployment)
    for labels, row in rows:
        total.add_metric(labels, row.deployments_total)
        if row.last_deployment is not None:
            last.add_metric(labels, row.last_deployment / MICROSECONDS)
    yield total
    yield from _windows(
        families.recent_deployments,
        families.deployment_frequency,
        families.lead_time,
        families.lead_time_merge_requests,
        [(labels, row.current) for labels, row in rows],
    )
    yield last
    yield from _windows(
        families.previous_deployments,
        None,
        families.previous_lead_time,
        families.previous_lead_time_merge_requests,
        [(labels, row.before) for labels, row in rows],
    )


def _windows(
    deployments_family: Family,
    frequency_family: Family | None,
    lead_time_family: Family,
    merge_requests_family: Family,
    rows: Sequence[tuple[Sequence[str], Mapping[str, Period]]],
) -> Iterator[Metric]:
    deployments = new_metric(deployments_family)
    frequency = new_metric(frequency_family) if frequency_family else None
    lead_time = new_metric(lead_time_family)
    merge_requests = new_metric(merge_requests_family)
    for labels, periods in rows:
        for window, period in periods.items():
            windowed = (*labels, window)
            deployments.add_metric(windowed, period.deployments)
            if frequency is not None:
                frequency.add_metric(windowed, period.per_day)
            for percentile, seconds in period.lead_time.items():
                lead_time.add_metric((*windowed, str(percentile)), seconds)
            merge_requests.add_metric(windowed, period.merge_requests)
    yield deployments
    if frequency is not None:
        yield frequency
    yield lead_time
    yield merge_requests
