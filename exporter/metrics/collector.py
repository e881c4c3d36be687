"""Tables as families of prometheus-client: the slow way, for what is seldom asked."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporter.metrics.catalogue import Family
from exporter.metrics.tables import Table, ValuesOf

T = TypeVar("T")


def new_metric(family: Family) -> CounterMetricFamily | GaugeMetricFamily:
    """Return a family without samples."""
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    return kind(family.name, family.help, labels=family.labels)


def collectors_of(table: Table[T]) -> list[Collector]:
    """Return a collector of each family: who asks for one by name does not wait for the others."""
    return [_FamilyCollector(family, values, table.rows) for family, values in table.families]


class _FamilyCollector(Collector, Generic[T]):
    """Gives one family."""

    def __init__(
        self,
        family: Family,
        values: ValuesOf[T],
        rows: Callable[[], Sequence[tuple[tuple[str, ...], T]]],
    ) -> None:
        self._family = family
        self._values = values
        self._rows = rows

    def describe(self) -> Iterator[Metric]:
        """Name the family, so that it can be asked for."""
        yield new_metric(self._family)

    def collect(self) -> Iterator[Metric]:
        """Give the family with its samples."""
        metric = new_metric(self._family)
        for labels, row in self._rows():
            for more, number in self._values(row):
                metric.add_metric((*labels, *more), number)
        yield metric
