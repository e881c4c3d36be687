"""Samples as lines of text, to the letter as prometheus-client writes them, but faster.

Both formats write samples alike and differ in the comments before them, which are
prometheus-client's own.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.batches import in_batches
from exporter.metrics.catalogue import Family
from exporter.metrics.collector import new_metric
from exporter.metrics.formats import END, Format
from exporter.metrics.tables import Table, ValuesOf

T = TypeVar("T")

_ROWS = 50
"""Rows whose lines are handed on together: some hundred lines, well under a millisecond."""

_PERCENTILE = "percentile"
_WINDOW = "window"

_EXPONENT = 1e6
"""Numbers from here on are written with an exponent, as Go does."""


def comments(family: Family, wanted: Format) -> bytes:
    """Return what stands before the samples of a family: its help and its kind."""
    return wanted.encode(_Empty(family)).removesuffix(END)


def lines_of(table: Table[T]) -> Iterator[tuple[Family, Iterator[bytes]]]:
    """Give each family with the lines of its samples, some hundred at a time."""
    rows = [
        (*_around_percentile(table.labels, labels), content) for labels, content in table.rows()
    ]
    for family, values in table.families:
        yield family, _lines(family.name, values, rows)


def _lines(name: str, values: ValuesOf[T], rows: Sequence[tuple[str, str, T]]) -> Iterator[bytes]:
    further: dict[tuple[str, ...], tuple[str, str]] = {}
    for some in in_batches(rows, _ROWS):
        lines = []
        for begin, end, content in some:
            for more, number in values(content):
                texts = further.get(more)
                if texts is None:
                    texts = further[more] = _percentile_and_window(*more)
                percentile, window = texts
                lines.append(f"{name}{{{begin}{percentile}{end}{window}}} {number_text(number)}\n")
        yield "".join(lines).encode()


def number_text(number: float) -> str:
    """Return a number as both formats write it."""
    exact = float(number)
    if 0 <= exact < _EXPONENT:
        return repr(exact)
    text: str = floatToGoString(exact)  # type: ignore[no-untyped-call]
    return text


def label_text(name: str, value: str) -> str:
    """Return a label as both formats write it."""
    for character, escaped in (("\\", r"\\"), ("\n", r"\n"), ('"', r"\"")):
        value = value.replace(character, escaped)
    return f'{name}="{value}"'


def _around_percentile(names: Sequence[str], values: Sequence[str]) -> tuple[str, str]:
    """Return the labels of a row, in order of their names, as cut where a percentile belongs."""
    pairs = sorted(zip(names, values, strict=True))
    before = [label_text(name, value) for name, value in pairs if name < _PERCENTILE]
    after = [f",{label_text(name, value)}" for name, value in pairs if name > _PERCENTILE]
    return ",".join(before), "".join(after)


def _percentile_and_window(*values: str) -> tuple[str, str]:
    """Return the labels of a window and maybe a percentile; by its name the window's is last."""
    labels = dict(zip((_WINDOW, _PERCENTILE), values, strict=False))
    percentile, window = (
        f",{label_text(name, labels[name])}" if name in labels else ""
        for name in (_PERCENTILE, _WINDOW)
    )
    return percentile, window


class _Empty(Collector):
    """Gives a family without samples."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Metric]:
        yield new_metric(self._family)
