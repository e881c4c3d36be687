r"""Writing OpenMetrics text of any length: values come by project, but must stand by family.

Each family has a file without a name that goes with the process; in the end they are joined. So
all that is in memory is one project or group at a time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Self

from exporter.backfill.columns import Column, Columns
from exporter.dora.facts import Group, Project
from exporter.instant import MICROSECONDS, Instant
from exporter.metrics.catalogue import GROUP, PROJECT, Families, Family
from exporter.metrics.formats import END, OPEN_METRICS
from exporter.metrics.lines import comments, label_text, number_text

Values = Iterable[float | None]


class OpenMetrics:
    """Collects the values of projects and groups, and writes them family by family."""

    def __init__(
        self, folder: Path | None, extra: Mapping[str, str], percentiles: Sequence[int]
    ) -> None:
        """Prepare a file for each family.

        Args:
            folder: where to keep them, None for the system's place for temporary files.
            extra: labels to add to every series.
            percentiles: of lead time.
        """
        self.samples = 0
        self._extra = extra
        self._percentiles = percentiles
        self._files = ExitStack()
        self._parts: dict[str, IO[bytes]] = {}
        with ExitStack() as undo:
            undo.push(self._files)
            for family in (*PROJECT.all(), *GROUP.all()):
                self._parts[family.name] = self._files.enter_context(TemporaryFile(dir=folder))
            undo.pop_all()

    def add(self, container: Project | Group, columns: Columns) -> None:
        """Add the values of a project or group in one tier."""
        labels: tuple[str, ...]
        if isinstance(container, Project):
            families = PROJECT
            labels = (str(container.id), container.path, container.group, columns.tier)
        else:
            families = GROUP
            labels = (str(container.id), container.path, str(container.level), columns.tier)
        times = [_seconds(one) for one in columns.instants]
        self._series(families.deployments_total, labels, times, columns.deployments_total)
        self._series(
            families.last_deployment,
            labels,
            times,
            (None if one is None else one / MICROSECONDS for one in columns.last_deployment),
        )
        for family, window, values in _windowed(families, columns, self._percentiles):
            self._series(family, (*labels, *window), times, values)

    def write(self, target: IO[bytes]) -> None:
        """Write everything that was added."""
        for family in (*PROJECT.all(), *GROUP.all()):
            target.write(comments(family, OPEN_METRICS))
            part = self._parts[family.name]
            part.seek(0)
            copyfileobj(part, target, 1 << 20)
        target.write(END)

    def _series(
        self, family: Family, labels: Sequence[str], times: Sequence[str], values: Values
    ) -> None:
        pairs = [*zip(family.labels, labels, strict=True), *self._extra.items()]
        begin = f"{family.name}{{{','.join(label_text(*pair) for pair in pairs)}}}"
        lines = [
            f"{begin} {number_text(value)} {time}\n"
            for time, value in zip(times, values, strict=True)
            if value is not None
        ]
        self.samples += len(lines)
        self._parts[family.name].write("".join(lines).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._files.close()


def _windowed(
    families: Families, columns: Columns, percentiles: Sequence[int]
) -> Iterator[tuple[Family, tuple[str, ...], Values]]:
    """Give the values of each window with the labels that they have beyond those of the row."""
    for window, periods in columns.current.items():
        yield families.recent_deployments, (window,), _of(periods, "deployments")
        yield families.deployment_frequency, (window,), _of(periods, "per_day")
        yield families.lead_time_merge_requests, (window,), _of(periods, "merge_requests")
        for percentile in percentiles:
            labels = (window, str(percentile))
            yield families.lead_time, labels, _percentiles(periods, percentile)
    for window, periods in columns.before.items():
        yield families.previous_deployments, (window,), _of(periods, "deployments")
        yield families.previous_lead_time_merge_requests, (window,), _of(periods, "merge_requests")
        for percentile in percentiles:
            labels = (window, str(percentile))
            yield families.previous_lead_time, labels, _percentiles(periods, percentile)


def _of(periods: Column, number: str) -> Values:
    return (None if one is None else getattr(one, number) for one in periods)


def _percentiles(periods: Column, percentile: int) -> Values:
    return (None if one is None else one.lead_time.get(percentile) for one in periods)


def _seconds(instant: Instant) -> str:
    """Return an instant as a timestamp; the ends of days are whole seconds."""
    whole, rest = divmod(instant, MICROSECONDS)
    return f"{whole}.{rest:06}" if rest else str(whole)
