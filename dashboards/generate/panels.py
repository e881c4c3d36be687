"""Panels in the JSON of Grafana 7.5, and their places on the page."""

from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import Any, TypeVar

from dashboards.generate.fields import PLAIN, Json

T = TypeVar("T")

DATASOURCE = "${datasource}"
_VERSION = "7.5.0"
_COLUMNS = 24

Row = tuple[int, Sequence[tuple[int, Json]]]
"""Height, and panels with their widths."""


def lay_out(rows: Sequence[Row]) -> list[Json]:
    """Give panels their places, row by row, and their ids."""
    placed: list[Json] = []
    top = 0
    for height, panels in rows:
        left = 0
        for width, panel in panels:
            place = {"h": height, "w": width, "x": left, "y": top}
            placed.append(panel | {"gridPos": place, "id": len(placed) + 1})
            left += width
        if left != _COLUMNS:
            raise ValueError(f"row {top} is {left} columns wide, not {_COLUMNS}")
        top += height
    return placed


def heading(title: str) -> Row:
    """Return a heading over the panels that follow."""
    panel: Json = {
        "collapsed": False,
        "datasource": None,
        "panels": [],
        "title": title,
        "type": "row",
    }
    return 1, [(_COLUMNS, panel)]


def now(expression: str, legend: str = "") -> Json:
    """Ask for the values at the end of the time range."""
    return _target(expression, legend) | {"format": "time_series", "instant": True}


def cells(expression: str) -> Json:
    """Ask for a column of a table."""
    return _target(expression, "") | {"format": "table", "instant": True}


def over_time(expression: str, legend: str, step: str = "1h") -> Json:
    """Ask for the values over the time range, no closer to each other than ``step``."""
    return _target(expression, legend) | {
        "format": "time_series",
        "instant": False,
        "interval": step,
    }


def _target(expression: str, legend: str) -> Json:
    return {"expr": expression, "interval": "", "intervalFactor": 1, "legendFormat": legend}


def stat(
    title: str,
    description: str,
    target: Json,
    *,
    unit: str,
    decimals: int | None = None,
    thresholds: Json = PLAIN,
    mappings: Sequence[Json] = (),
    no_value: str = "no data",
    text_mode: str = "value",
) -> Json:
    """One number, coloured by its thresholds."""
    defaults = _defaults(unit, decimals, thresholds, mappings, no_value)
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": _LAST,
        "text": {},
        "textMode": text_mode,
    }
    return _panel("stat", title, description, targets=[target], defaults=defaults, options=options)


def bar_gauge(
    title: str,
    description: str,
    target: Json,
    *,
    unit: str,
    decimals: int | None = None,
    thresholds: Json = PLAIN,
    no_value: str = "no data",
    links: Sequence[Json] = (),
) -> Json:
    """A bar for each series, in the order of the query."""
    defaults = _defaults(unit, decimals, thresholds, (), no_value)
    defaults |= {"links": list(links), "min": 0}
    options = {
        "displayMode": "gradient",
        "orientation": "horizontal",
        "reduceOptions": _LAST,
        "showUnfilled": True,
        "text": {},
    }
    return _panel(
        "bargauge", title, description, targets=[target], defaults=defaults, options=options
    )


def table(
    title: str,
    description: str,
    columns: Sequence[tuple[str, str]],
    *,
    by: Sequence[tuple[str, str]],
    sort_by: str,
    descending: bool = False,
    overrides: Sequence[Json] = (),
    no_value: str = "-",
) -> Json:
    """Rows of several queries put together.

    Args:
        title: over the table.
        description: what it tells.
        columns: heading and expression of each number.
        by: label and heading of what the rows are told apart by; every expression has just these.
        sort_by: heading of the column that orders the rows.
        descending: which way.
        overrides: how to show columns.
        no_value: text of empty cells.
    """
    targets = [cells(expression) for _, expression in columns]
    values = {f"Value #{letter}": name for letter, (name, _) in _lettered(columns)}
    names = dict(by) | values
    organize = {
        "excludeByName": {"Time": True},
        "indexByName": {name: place for place, name in enumerate(names)},
        "renameByName": names,
    }
    defaults = _defaults("short", None, PLAIN, (), no_value)
    defaults["custom"] = {"align": None, "displayMode": "auto", "filterable": False}
    options = {"showHeader": True, "sortBy": [{"desc": descending, "displayName": sort_by}]}
    panel = _panel("table", title, description, targets=targets, defaults=defaults, options=options)
    panel["fieldConfig"]["overrides"] = list(overrides)
    panel["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": organize},
    ]
    return panel


def graph(
    title: str,
    description: str,
    targets: Sequence[Json],
    *,
    unit: str,
    decimals: int | None = None,
    bars: bool = False,
    legend: str = "bottom",
    step: str = "1h",
    no_value: str = "no data",
    links: Sequence[Json] = (),
) -> Json:
    """Lines or bars over time; a legend on the right is a table of the last values."""
    defaults = _defaults(unit, decimals, PLAIN, (), no_value)
    defaults |= {"color": {"mode": "palette-classic"}, "links": list(links), "min": 0}
    defaults["custom"] = {
        "axisLabel": "",
        "axisPlacement": "auto",
        "barAlignment": 1 if bars else 0,
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 70 if bars else 5,
        "gradientMode": "none",
        "hideFrom": {"graph": False, "legend": False, "tooltip": False},
        "lineInterpolation": "linear",
        "lineWidth": 1 if bars else 2,
        "pointSize": 5,
        "scaleDistribution": {"type": "linear"},
        "showPoints": "never" if bars else "auto",
        "spanNulls": False,
    }
    on_the_right = legend == "right"
    options = {
        "legend": {
            "calcs": ["lastNotNull"] if on_the_right else [],
            "displayMode": "table" if on_the_right else "list",
            "placement": legend,
        },
        "tooltipOptions": {"mode": "multi"},
    }
    return _panel(
        "timeseries", title, description, targets=targets, defaults=defaults, options=options
    ) | {"interval": step}


_LAST: Json = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def _defaults(
    unit: str,
    decimals: int | None,
    thresholds: Json,
    mappings: Sequence[Json],
    no_value: str,
) -> Json:
    defaults: dict[str, Any] = {
        "color": {"mode": "thresholds"},
        "mappings": list(mappings),
        "noValue": no_value,
        "thresholds": thresholds,
        "unit": unit,
    }
    return defaults if decimals is None else defaults | {"decimals": decimals}


def _panel(
    kind: str,
    title: str,
    description: str,
    *,
    targets: Sequence[Json],
    defaults: Json,
    options: Json,
) -> Json:
    return {
        "datasource": DATASOURCE,
        "description": description,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": options,
        "pluginVersion": _VERSION,
        "targets": [target | {"refId": letter} for letter, target in _lettered(targets)],
        "title": title,
        "type": kind,
    }


def _lettered(queries: Sequence[T]) -> Iterator[tuple[str, T]]:
    """Give each query of a panel its letter."""
    return zip(ascii_uppercase, queries, strict=False)
