"""The table of all values in the chart's README, made from ``values.yaml`` and its comments.

``python -m tests.helm.values_reference`` renews it.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

from tests.helm.engine import CHART

README = CHART / "README.md"
VALUES = CHART / "values.yaml"
BEGIN, END = "<!-- values -->\n", "<!-- /values -->\n"

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Value:
    """One value.

    Attributes:
        path: Its keys from the top.
        default: What it is unless given.
        comment: What ``values.yaml`` says about it.
    """

    path: tuple[str, ...]
    default: Any
    comment: str


def comments() -> dict[tuple[str, ...], str]:
    """Return the comment above each key, whether or not it has one."""
    found: dict[tuple[str, ...], str] = {}
    path: list[str] = []
    comment: list[str] = []
    for line in VALUES.read_text(encoding="utf-8").splitlines():
        if match := re.match(r"( *)([A-Za-z_][A-Za-z_]*):", line):
            path = [*path[: len(match[1]) // 2], match[2]]
            found[tuple(path)] = " ".join(comment)
            comment = []
        elif match := re.match(r" *# ?(.*)", line):
            comment.append(match[1])
        else:
            comment = []
    return found


def schema_at(path: tuple[str, ...]) -> dict[str, Any]:
    """Return the schema of a value; empty if it knows none."""
    schema = SCHEMA
    for key in path:
        schema = _resolved(schema).get("properties", {}).get(key, {})
    return _resolved(schema)


def is_section(path: tuple[str, ...]) -> bool:
    """Return whether the schema names the keys of a mapping, so that each is a value."""
    schema = schema_at(path)
    return "properties" in schema and schema.get("additionalProperties") is False


def values() -> list[Value]:
    """Return every value, sections left out."""
    told = comments()

    def walk(path: tuple[str, ...], content: Any) -> list[Value]:
        if isinstance(content, dict) and content and is_section(path):
            return [one for key, inner in content.items() for one in walk((*path, key), inner)]
        return [Value(path, content, told[path])]

    return walk((), yaml.safe_load(VALUES.read_text(encoding="utf-8")))


def table() -> str:
    """Return the table as the README shows it."""
    rows = ["| value | default | meaning |", "| --- | --- | --- |"]
    rows += [
        f"| `{'.'.join(one.path)}` | `{json.dumps(one.default)}` | {one.comment} |"
        for one in values()
    ]
    return "\n".join(rows) + "\n"


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return dict(SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]])
    return schema


def main() -> None:
    """Write the table into the README."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    README.write_text(f"{before}{BEGIN}{table()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
