"""Every value is explained, is in the README, and is known to the schema."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helm.engine import RefusedError, Values, render
from tests.helm.value_sets import VALUE_SETS
from tests.helm.values_reference import (
    BEGIN,
    END,
    README,
    SCHEMA,
    comments,
    is_section,
    schema_at,
    table,
    values,
)

# Accepted, and no values of this chart: of charts that depend on it.
OF_OTHERS = {("global",), ("enabled",)}
NAMES = [".".join(one.path) for one in values()]


def schema_paths(path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key that the schema names, below sections."""
    for key in schema_at(path).get("properties", {}):
        yield (*path, key)
        if is_section((*path, key)):
            yield from schema_paths((*path, key))


def test_the_readme_shows_every_value_with_its_default() -> None:
    """``python -m tests.helm.values_reference`` makes it so."""
    text = README.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table()
    assert len(NAMES) > 100


def test_every_key_is_explained() -> None:
    """But for keys of Kubernetes' own, below a value that is explained."""
    unexplained = {path for path, comment in comments().items() if not comment.endswith(".")}
    below_a_value = {
        path
        for path in unexplained
        if any(not is_section(path[:length]) for length in range(1, len(path)))
    }
    assert unexplained - below_a_value == set()
    assert {path[0] for path in below_a_value} <= {
        "dashboards",
        "podSecurityContext",
        "resources",
        "securityContext",
    }


def test_the_schema_knows_every_value() -> None:
    for name in NAMES:
        path = tuple(name.split("."))
        assert schema_at(path).keys() & {"type", "enum", "anyOf", "allOf", "not"}, name
        assert is_section(path[:-1]), name


def test_every_key_of_the_schema_is_a_value() -> None:
    """But for the exporter's settings, which config.yaml explains, and times of probes."""
    named = {path for path in schema_paths() if path[0] != "config"} - OF_OTHERS
    optional = {"initialDelaySeconds", "successThreshold", "terminationGracePeriodSeconds"}
    unset = {path for path in named - comments().keys() if path[-1] not in optional}
    inside = {one for one in unset if one[:-1] in {tuple(name.split(".")) for name in NAMES}}
    assert unset - inside == set()


def test_nothing_unknown_passes_in_any_section() -> None:
    def sections(schema: Any) -> Iterator[dict[str, Any]]:
        if isinstance(schema, dict):
            if "properties" in schema and "type" in schema:
                yield schema
            for inner in schema.values():
                yield from sections(inner)
        elif isinstance(schema, list):
            for inner in schema:
                yield from sections(inner)

    open_on_purpose = [
        one for one in sections(SCHEMA) if one.get("additionalProperties") is not False
    ]
    # What Kubernetes defines, and the parameters of PostgreSQL, whose names are PostgreSQL's.
    assert [sorted(one["properties"]) for one in open_on_purpose] == [
        ["dbname", "host", "password", "port", "user"],
        ["type"],
    ]


def without(values: Values, path: tuple[str, ...]) -> dict[str, Any] | None:
    """The values without one of them; None where they do not give it."""
    key, *rest = path
    if key not in values:
        return None
    left = {name: value for name, value in values.items() if name != key}
    if rest:
        inner = values[key]
        inner = without(inner, tuple(rest)) if isinstance(inner, dict) else None
        return None if inner is None else {**left, key: inner}
    return left


@pytest.mark.long
def test_every_value_is_tried_by_a_value_set_and_changes_something() -> None:
    """Without it the objects are others, or the rest is refused."""
    untried, idle = [], []
    for one in values():
        tried = {
            name: fewer
            for name, given in VALUE_SETS.items()
            if (fewer := without(given, one.path)) is not None
        }
        if not tried:
            untried.append(".".join(one.path))
        elif not any(changes(VALUE_SETS[name], fewer) for name, fewer in tried.items()):
            idle.append(".".join(one.path))
    assert untried == []
    assert idle == []


def changes(given: Values, fewer: Values) -> bool:
    """Whether the chart makes other objects of fewer values."""
    try:
        return render(given) != render(fewer)
    except RefusedError:
        return True
