"""One scrape: what was rendered when it was computed, and what is only known now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from gzip import compress

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporter.metrics.answer import SMALL, Answer, answer_with, whole
from exporter.metrics.collector import collectors_of
from exporter.metrics.deflated import LEVEL
from exporter.metrics.formats import Chosen
from exporter.metrics.shown import Errors, Shown
from exporter.metrics.tables import dora_tables, errors_table, linked_table


@dataclass(frozen=True, slots=True)
class Scrape:
    """A scrape to be answered. All of the answer is as of the same moment.

    ``names`` are the samples wanted, all if empty. ``live`` gives the families that are rendered at
    each scrape: few series, but they change all the time.
    """

    chosen: Chosen
    gzip: bool
    names: Sequence[str]
    shown: Shown
    errors: Errors
    live: Sequence[Collector]

    @property
    def is_at_hand(self) -> bool:
        """Whether the answer is made in a millisecond or two, however many series there are."""
        wanted = self.chosen.format
        if wanted is None or self.names or not self.shown.is_rendered(self.errors):
            return False
        return self.gzip or self.shown.text(wanted, self.errors).size < SMALL

    def answer(self) -> Answer:
        """Return the answer."""
        wanted = self.chosen.format
        if wanted is None or self.names:
            return self._from_scratch()
        text = self.shown.text(wanted, self.errors)
        return answer_with(
            self.chosen.content_type, text, self.chosen.encode(Chain(self.live)), gzip=self.gzip
        )

    def _from_scratch(self) -> Answer:
        """Let prometheus-client do everything."""
        registry = CollectorRegistry()
        for table in (*dora_tables(self.shown.exposed), linked_table(self.shown.exposed)):
            for collector in collectors_of(table):
                registry.register(collector)
        failed = errors_table(self.shown.snapshot, self.errors)
        for collector in (*collectors_of(failed), *self.live):
            registry.register(collector)
        body = self.chosen.encode(
            registry.restricted_registry(self.names) if self.names else registry
        )
        return whole(
            self.chosen.content_type, compress(body, compresslevel=LEVEL) if self.gzip else body
        )


class Chain(Collector):
    """Gives what several collectors give, one after the other."""

    def __init__(self, collectors: Sequence[Collector]) -> None:
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        """Give all families."""
        for one in self._collectors:
            yield from one.collect()
