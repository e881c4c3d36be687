"""From the store to the text."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from exporter.backfill.columns import columns
from exporter.backfill.instants import instants
from exporter.backfill.openmetrics import OpenMetrics
from exporter.backfill.target import folder_of, written_whole
from exporter.clock import Clock
from exporter.config import Settings
from exporter.dora.facts import Group, Project
from exporter.instant import iso, microseconds
from exporter.ledger import Ledger, View
from exporter.poller.progress import Progress
from exporter.store import Store

log = logging.getLogger(__name__)


class BackfillError(Exception):
    """There is nothing to write, or nowhere to; the message says why."""


def backfill(
    settings: Settings,
    output: Path,
    *,
    clock: Clock,
    labels: Mapping[str, str],
    skip_last: timedelta = timedelta(),
) -> int:
    """Write the stored history as OpenMetrics text.

    Args:
        settings: which store, windows and rules.
        output: the file, or ``-`` for standard output.
        clock: tells how long it takes, and the present for ``skip_last``.
        labels: to be added to every series.
        skip_last: leave out values younger than this.

    Returns:
        The number of samples.

    Raises:
        BackfillError: if the store holds no complete poll, or the file cannot be written.
        StoreError: if the store cannot be opened.
    """
    with Store.open(settings.store.url) as store:
        view = Ledger(store, settings).view()
    if view.polled_at is None:
        raise BackfillError(
            "the store holds no complete poll yet: there is no history to write; "
            "run the exporter until /-/ready answers 200"
        )
    try:
        folder = folder_of(output)
        with OpenMetrics(folder, labels, settings.metrics.percentiles) as text:
            _collect(view, settings, text, clock, skip_last)
            with written_whole(output) as target:
                text.write(target)
            return text.samples
    except OSError as error:
        raise BackfillError(f"--output: cannot write {output}: {error}") from None


def _collect(
    view: View, settings: Settings, text: OpenMetrics, clock: Clock, skip_last: timedelta
) -> None:
    moments = instants(view)
    if skip_last:
        moments = [one for one in moments if one <= clock.now() - microseconds(skip_last)]
    if not moments:
        raise BackfillError("--skip-last leaves nothing: the stored history is younger")
    log.info(
        "backfill of %d moments from %s to %s", len(moments), iso(moments[0]), iso(moments[-1])
    )
    containers: list[Project | Group] = [*view.scope.projects, *view.scope.groups]
    progress = Progress("backfill: projects and groups", clock)
    progress.expect(len(containers))
    try:
        for container in containers:
            for one in columns(view, container, moments, settings):
                text.add(container, one)
            progress.advance()
    finally:
        progress.finish()
