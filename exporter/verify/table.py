"""What came of a comparison, for people."""

from collections import Counter

from exporter.gitlab.dora import Metric
from exporter.verify.compare import Comparison, Difference
from exporter.verify.reasons import MEANING

_UNEXPLAINED = "unexplained"
_HEAD = ("subject", "metric", "tier", "day", "GitLab", "ours", "difference", "reason")
_NUMBERS = range(4, 7)


def as_table(found: Comparison) -> str:
    """Return a table of the differences, what their reasons mean, and a sentence."""
    rows = [_HEAD, *map(_row, found.differences)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = []
    if found.differences:
        lines += ["  ".join(_padded(row, widths)).rstrip() for row in rows]
        lines.append("")
    counts = Counter(reason for one in found.differences for reason in one.reasons)
    lines += [f"{one} ({counts[one]}): {told}" for one, told in MEANING.items() if counts[one]]
    if found.unexplained:
        lines.append(
            f"{_UNEXPLAINED} ({found.unexplained}): neither the configuration nor what GitLab lists"
            " tells why; /dora/explain shows what is behind our number"
        )
    if found.unlicensed:
        lines.append(f"not licensed for GitLab's own metrics: {', '.join(found.unlicensed)}")
    known = len(found.differences) - found.unexplained
    lines.append(
        f"{found.start} to {found.end}: {found.numbers:,} numbers of {len(found.subjects)} projects"
        f" and groups compared, {found.numbers - len(found.differences):,} agree, {known} differ"
        f" for a known reason, {found.unexplained} unexplained"
    )
    return "\n".join(lines)


def _row(one: Difference) -> tuple[str, ...]:
    difference = (one.ours or 0) - (one.gitlab or 0)
    return (
        one.subject,
        one.metric,
        one.tier,
        one.day.isoformat(),
        _number(one.metric, one.gitlab),
        _number(one.metric, one.ours),
        _number(one.metric, difference, signed=True),
        ", ".join(one.reasons) or _UNEXPLAINED,
    )


def _number(metric: Metric, value: float | None, *, signed: bool = False) -> str:
    if value is None:
        return "-"
    unit = "" if metric == "deployment_frequency" else " s"
    return f"{value:{'+' if signed else ''}.0f}{unit}"


def _padded(row: tuple[str, ...], widths: list[int]) -> list[str]:
    return [
        f"{cell:>{width}}" if column in _NUMBERS else f"{cell:{width}}"
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
