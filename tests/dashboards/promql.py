"""What PromQL with Grafana's variables in it means: filled in, taken apart, held to a catalogue."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import promql_parser

from exporter.metrics.catalogue import Family
from tests.dashboards.dashboard_files import Json, Query, queries, query_variables

BUILT_IN = {"__interval": "1h", "__range": "1d", "__rate_interval": "5m"}
SCRAPE_LABELS = {"instance", "job"}
"""Labels that Prometheus adds to every series of a target."""

_VARIABLE = re.compile(r"\$\{(\w+)\}|\$(\w+)")
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
_LEGEND = re.compile(r"\{\{(\w+)\}\}")


@dataclass(slots=True)
class Selected:
    """The series that an expression selects: by metric, which labels are spoken of."""

    metrics: set[str] = field(default_factory=set)
    matchers: dict[str, dict[str, str]] = field(default_factory=dict)
    grouping: set[str] = field(default_factory=set)


def variables_of(text: str) -> set[str]:
    """Return the names of the variables in a text, Grafana's own too."""
    return {braced or bare for braced, bare in _VARIABLE.findall(text)}


def fill_in(text: str, values: Mapping[str, str]) -> str:
    """Put values in place of variables; unknown ones raise KeyError."""
    known = BUILT_IN | dict(values)
    return _VARIABLE.sub(lambda found: known[found[1] or found[2]], text)


def label_values(variable: Json) -> tuple[str, str]:
    """Return selector and label of a variable's query."""
    found = _LABEL_VALUES.fullmatch(variable["query"]["query"])
    assert found, variable["query"]
    return found[1], found[2]


def parse(expression: str) -> promql_parser.Expr:
    """Parse an expression whose variables are still in it."""
    names = variables_of(expression) - set(BUILT_IN)
    return promql_parser.parse(fill_in(expression, dict.fromkeys(names, "x")))


def take_apart(expression: str) -> Selected:
    """Find metrics, matchers and the labels of groupings and matchings."""
    selected = Selected()

    def visit(node: promql_parser.Expr) -> bool:
        modifier = getattr(node, "modifier", None)
        matching = getattr(modifier, "matching", None)
        for one in (modifier, matching):
            selected.grouping.update(getattr(one, "labels", None) or ())
        selected.grouping.update(getattr(modifier, "group_labels", None) or ())
        if isinstance(node, promql_parser.VectorSelector):
            matchers = {one.name: one.value for one in node.matchers.matchers}
            name = node.name or matchers.pop("__name__")
            selected.metrics.add(name)
            selected.matchers.setdefault(name, {}).update(matchers)
        return True

    promql_parser.walk(parse(expression), visit)
    return selected


def complaints(dashboard: Json, families: Iterable[Family]) -> list[str]:
    """Say which metrics and labels of a dashboard no exporter with these families has."""
    known = {family.name: set(family.labels) for family in families}
    found: list[str] = []
    for query in queries(dashboard):
        found += (f"{query}: {one}" for one in _of_query(query, known))
    for variable in query_variables(dashboard):
        selector, label = label_values(variable)
        selected = take_apart(selector)
        found += _of_selected(selected, known)
        for labels in _labels(selected, known):
            if label not in labels:
                found.append(f"variable {variable['name']}: no label {label}")
    return found


def _of_query(query: Query, known: Mapping[str, set[str]]) -> Iterator[str]:
    selected = take_apart(query.expression)
    yield from _of_selected(selected, known)
    everywhere = set().union(*_labels(selected, known))
    for label in selected.grouping - everywhere:
        yield f"groups by {label}, which no metric of it has"
    for label in set(_LEGEND.findall(query.legend)) - everywhere:
        yield f"legend shows {label}, which no metric of it has"


def _of_selected(selected: Selected, known: Mapping[str, set[str]]) -> Iterator[str]:
    for metric, matchers in selected.matchers.items():
        named = [known[name] for name in _names(metric, known)]
        if not named:
            yield f"no metric {metric}"
        for labels in named:
            for label in set(matchers) - labels - SCRAPE_LABELS:
                yield f"no label {label} on {metric}"


def _names(metric: str, known: Mapping[str, set[str]]) -> list[str]:
    """Return the metrics that a name, or a regular expression for names, stands for."""
    return [name for name in known if re.fullmatch(metric, name)]


def _labels(selected: Selected, known: Mapping[str, set[str]]) -> list[set[str]]:
    return [
        known[name] | SCRAPE_LABELS for metric in selected.metrics for name in _names(metric, known)
    ]
