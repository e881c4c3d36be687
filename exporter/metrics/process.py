"""The exporter's processes: memory, processor time, open files."""

from collections.abc import Iterable
from time import monotonic

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

RENEWED_SECONDS = 1.0
"""How often a running exporter looks at itself."""

_OLD_SECONDS = 3.0
"""Numbers older than this are never shown."""

_OF_ONE = frozenset({"process_start_time_seconds", "process_max_fds"})
"""What two processes do not have together."""


class RecentProcess(Collector):
    """Gives prometheus-client's families of the process as they were a moment ago.

    Reading them takes some twenty calls of the system, after each of which the thread has to queue
    for the interpreter: while others compute, that would take longer than all else in a scrape.
    """

    def __init__(self) -> None:
        self._process = ProcessCollector(registry=CollectorRegistry())
        self._others: list[ProcessCollector] = []
        self._read: tuple[float, list[Metric]] | None = None

    def add(self, pid: int) -> None:
        """Count a process of the exporter's in: its memory is the exporter's too."""
        self._others.append(ProcessCollector(pid=lambda: pid, registry=CollectorRegistry()))

    def renew(self) -> list[Metric]:
        """Look again."""
        at = monotonic()
        metrics = [*self._process.collect()]
        for other in self._others:
            found = {sample.name: sample.value for one in other.collect() for sample in one.samples}
            for metric in metrics:
                metric.samples = [
                    one
                    if one.name in _OF_ONE
                    else one._replace(value=one.value + found.get(one.name, 0))
                    for one in metric.samples
                ]
        self._read = at, metrics
        return metrics

    def collect(self) -> Iterable[Metric]:
        """Give what was seen last, or look again if that was too long ago."""
        if self._read is None or monotonic() - self._read[0] > _OLD_SECONDS:
            return self.renew()
        return self._read[1]
