"""Answering a scrape: format, compression and selection of families, all prometheus-client's."""

from collections.abc import Callable, Sequence
from gzip import compress

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from exporter.metrics.collector import DoraCollector
from exporter.metrics.own import OwnCollector
from exporter.metrics.snapshot import Snapshot
from exporter.poller import Status


class Exposition:
    """Everything that ``/metrics`` shows."""

    def __init__(
        self, status: Status, remaining: Callable[[], int | None], *, fresh_for: int = 0
    ) -> None:
        """Show nothing yet.

        Args:
            status: how the polls are going.
            remaining: gives what is left of GitLab's rate limit.
            fresh_for: microseconds before the last poll within which a project must have been read
                not to be called stale.
        """
        self._status = status
        self._dora = DoraCollector()
        self._registry = CollectorRegistry()
        self._registry.register(self._dora)
        self._registry.register(OwnCollector(status, self._dora, remaining, fresh_for))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    def show(self, snapshot: Snapshot) -> None:
        """Show these values from the next scrape on."""
        self._dora.snapshot = snapshot

    @property
    def snapshot(self) -> Snapshot:
        """The values shown now."""
        return self._dora.snapshot

    @property
    def unread(self) -> int:
        """How many projects the running poll has yet to read."""
        return len(self._status.view().unread)

    def render(
        self, *, accept: str = "", gzip: bool = False, names: Sequence[str] = ()
    ) -> tuple[bytes, str]:
        """Return the exposition and its content type.

        Args:
            accept: the scraper's ``Accept`` header.
            gzip: whether to compress.
            names: the samples wanted, all if empty.
        """
        encoder, content_type = choose_encoder(accept)
        registry = self._registry.restricted_registry(names) if names else self._registry
        body = encoder(registry)
        return (compress(body, compresslevel=6) if gzip else body), content_type
