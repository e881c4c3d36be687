"""The exporter as a process: memory, processor time, open files."""

from collections.abc import Iterable
from time import monotonic

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

RENEWED_SECONDS = 1.0
"""How often a running exporter looks at itself."""

_OLD_SECONDS = 3.0
"""Numbers older than this are never shown."""


class RecentProcess(Collector):
    """Gives prometheus-client's families of the process as they were a moment ago.

    Reading them takes some twenty calls of the system, after each of which the thread has to queue
    for the interpreter: while others compute, that would take longer than all else in a scrape.
    """

    def __init__(self) -> None:
        self._process = ProcessCollector(registry=CollectorRegistry())
        self._read: tuple[float, list[Metric]] | None = None

    def renew(self) -> list[Metric]:
        """Look again."""
        at = monotonic()
        metrics = [*self._process.collect()]
        self._read = at, metrics
        return metrics

    def collect(self) -> Iterable[Metric]:
        """Give what was seen last, or look again if that was too long ago."""
        if self._read is None or monotonic() - self._read[0] > _OLD_SECONDS:
            return self.renew()
        return self._read[1]
