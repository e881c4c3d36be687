"""Everything that ``/metrics`` shows, and from when on."""

from collections.abc import Callable, Sequence
from threading import Lock

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector
from prometheus_client.registry import Collector

from exporter.metrics.formats import FORMATS, chosen_by
from exporter.metrics.own import OwnCollector
from exporter.metrics.process import RecentProcess
from exporter.metrics.rendered import Rendered
from exporter.metrics.scrape import Chain, Scrape
from exporter.metrics.shown import NOTHING, Shown
from exporter.metrics.snapshot import Snapshot
from exporter.poller import Status
from exporter.poller.status import StatusView

Publish = Callable[[Rendered], object]
"""Takes what plain scrapes are answered with from now on."""


class Exposition:
    """Everything that ``/metrics`` shows."""

    def __init__(
        self,
        status: Status,
        remaining: Callable[[], int | None],
        *,
        fresh_for: int = 0,
        max_series: int | None = None,
    ) -> None:
        """Show nothing yet but how the exporter is doing.

        Args:
            status: how the polls go.
            remaining: tells what is left of GitLab's rate limit.
            fresh_for: microseconds before the last poll within which a project must have been read
                not to be called stale.
            max_series: how many series projects and groups may have; with more none is exposed.
        """
        self._status = status
        self._remaining = remaining
        self._fresh_for = fresh_for
        self._max_series = max_series
        self.process = RecentProcess()
        registry = CollectorRegistry()
        self._of_python = PlatformCollector(registry=registry), GCCollector(registry=registry)
        self._shown = Shown(NOTHING, {})
        self._publish: Publish | None = None
        self._publishing = Lock()

    def show(self, snapshot: Snapshot) -> None:
        """Show these values from the next scrape on; all rendering is done before that."""
        shown = Shown(
            snapshot,
            self._status.view().errors,
            fresh_for=self._fresh_for,
            max_series=self._max_series,
        )
        with self._publishing:
            # First where scrapes are answered: who is told that all is ready finds it there.
            if self._publish is not None:
                self._publish(self._rendered(shown))
            self._shown = shown

    def publish_to(self, publish: Publish) -> None:
        """Have what is shown handed on, now and after each poll."""
        self._publish = publish
        self.publish()

    def publish(self) -> None:
        """Hand on what is shown as of now."""
        with self._publishing:
            if self._publish is not None:
                self._publish(self._rendered(self._shown))

    @property
    def snapshot(self) -> Snapshot:
        """The values shown now."""
        return self._shown.snapshot

    @property
    def unread(self) -> int:
        """How many projects the running poll has yet to read."""
        return len(self._status.view().unread)

    @property
    def failed(self) -> bool:
        """Whether the last poll that ended could read nothing, or store nothing."""
        return self._status.view().up is False

    def scrape(self, *, accept: str = "", gzip: bool = False, names: Sequence[str] = ()) -> Scrape:
        """Return what is to be answered, as of now.

        Args:
            accept: the scraper's ``Accept`` header.
            gzip: whether to compress.
            names: the samples wanted, all if empty.
        """
        status, shown = self._status.view(), self._shown
        return Scrape(
            chosen_by(accept),
            gzip=gzip,
            names=names,
            shown=shown,
            errors=status.errors,
            live=self._live(status, shown),
        )

    def _rendered(self, shown: Shown) -> Rendered:
        status = self._status.view()
        live = Chain(self._live(status, shown))
        return Rendered(
            {one.name: shown.text(one, status.errors) for one in FORMATS},
            {one.name: one.encode(live) for one in FORMATS},
        )

    def _live(self, status: StatusView, shown: Shown) -> tuple[Collector, ...]:
        return OwnCollector(status, shown, self._remaining()), self.process, *self._of_python
