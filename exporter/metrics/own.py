"""How the exporter itself is doing, as families of prometheus-client."""

import platform
from collections.abc import Callable, Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.instant import MICROSECONDS
from exporter.metrics import catalogue
from exporter.metrics.collector import DoraCollector, new_metric
from exporter.poller import Status


class OwnCollector(Collector):
    """Gives the exporter's own families as they are at the scrape."""

    def __init__(
        self,
        status: Status,
        dora: DoraCollector,
        remaining: Callable[[], int | None],
        fresh_for: int,
    ) -> None:
        self._status = status
        self._dora = dora
        self._remaining = remaining
        self._fresh_for = fresh_for

    def describe(self) -> Iterator[Metric]:
        """Name the families, so that they can be asked for one by one."""
        for family in catalogue.OWN:
            yield new_metric(family)

    def collect(self) -> Iterator[Metric]:
        """Give the families with their samples; what is not known yet has none."""
        view = self._status.view()
        info = new_metric(catalogue.BUILD_INFO)
        info.add_metric((__version__, platform.python_version()), 1)
        yield info
        snapshot = self._dora.snapshot
        polled_at = snapshot.polled_at
        stale = sum(
            project.id in view.failing
            or project.polled_at is None
            or (polled_at or 0) - project.polled_at > self._fresh_for
            for project, _ in snapshot.projects
        )
        for family, value in (
            (catalogue.UP, None if view.up is None else float(view.up)),
            (catalogue.LAST_POLL, None if polled_at is None else polled_at / MICROSECONDS),
            (catalogue.POLL_DURATION, view.seconds),
            (catalogue.RATE_LIMIT_REMAINING, self._remaining()),
            (catalogue.STALE_PROJECTS, stale),
        ):
            gauge = new_metric(family)
            if value is not None:
                gauge.add_metric((), value)
            yield gauge
        errors = new_metric(catalogue.POLL_ERRORS)
        for project, _ in snapshot.projects:
            labels = (str(project.id), project.path, project.group)
            errors.add_metric(labels, view.errors.get(project.id, 0))
        yield errors
        requests = new_metric(catalogue.REQUESTS)
        for (endpoint, code), number in sorted(view.requests.items()):
            requests.add_metric((endpoint, code), number)
        yield requests
        events = new_metric(catalogue.WEBHOOK_EVENTS)
        for outcome, number in sorted(view.events.items()):
            events.add_metric((outcome,), number)
        yield events
