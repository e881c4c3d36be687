"""How the exporter itself is doing, as families of prometheus-client."""

import platform
from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.instant import MICROSECONDS
from exporter.metrics import catalogue
from exporter.metrics.collector import new_metric
from exporter.metrics.shown import Shown
from exporter.poller.status import StatusView


class OwnCollector(Collector):
    """Gives the exporter's own families as they are at one scrape, but for those of projects."""

    def __init__(self, status: StatusView, shown: Shown, remaining: int | None) -> None:
        self._status = status
        self._shown = shown
        self._remaining = remaining

    def describe(self) -> Iterator[Metric]:
        """Name the families, so that they can be asked for one by one."""
        for family in catalogue.OWN:
            if family not in {catalogue.POLL_ERRORS, catalogue.LINKED}:
                yield new_metric(family)

    def collect(self) -> Iterator[Metric]:
        """Give the families with their samples; what is not known yet has none."""
        status, shown = self._status, self._shown
        info = new_metric(catalogue.BUILD_INFO)
        info.add_metric((__version__, platform.python_version()), 1)
        yield info
        polled_at, expiry = shown.snapshot.polled_at, status.token_expires_at
        for family, value in (
            (catalogue.LEADER, float(status.leads)),
            (catalogue.UP, None if status.up is None else float(status.up)),
            (catalogue.LAST_POLL, None if polled_at is None else polled_at / MICROSECONDS),
            (catalogue.POLL_DURATION, status.seconds),
            (catalogue.RATE_LIMIT_REMAINING, self._remaining if status.leads else None),
            (catalogue.TOKEN_EXPIRY, expiry / MICROSECONDS if status.leads and expiry else None),
            (catalogue.STALE_PROJECTS, shown.stale(status.failing)),
            (catalogue.SERIES, shown.series),
            (catalogue.SERIES_LIMIT_EXCEEDED, float(shown.exceeded)),
        ):
            gauge = new_metric(family)
            if value is not None:
                gauge.add_metric((), value)
            yield gauge
        requests = new_metric(catalogue.REQUESTS)
        for (endpoint, code), number in sorted(status.requests.items()):
            requests.add_metric((endpoint, code), number)
        yield requests
        links = new_metric(catalogue.LINKS)
        for method, number in sorted(status.links.items()):
            links.add_metric((method,), number)
        yield links
        events = new_metric(catalogue.WEBHOOK_EVENTS)
        for outcome, number in sorted(status.events.items()):
            events.add_metric((outcome,), number)
        yield events
