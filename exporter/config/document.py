"""A YAML file as plain values that remember their lines, with ``${NAME}`` filled in."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from exporter.config.errors import KeyPath, Origin, Problem

_MOST_VALUES = 50_000
"""Values of a document; aliases could make as many of a few lines as there are atoms."""

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_KINDS: dict[str, Callable[[str], object]] = {
    "tag:yaml.org,2002:null": lambda text: None,  # noqa: ARG005
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
    "tag:yaml.org,2002:str": str,
}


class _Loader(yaml.SafeLoader):
    """YAML 1.2's few plain types: no dates, no base 60, and ``on`` and ``no`` are words."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,17})", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"{_pattern}\Z"), _first)


@dataclass(slots=True)
class Document:
    """What a file says.

    Attributes:
        data: The top-level mapping, plain values all the way down.
        origins: Where each key and list item was written.
        problems: What was wrong with the file itself; the rest of it is still in ``data``.
    """

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def origin(self, path: KeyPath) -> Origin:
        """Where a key was written, or else the nearest key around it."""
        while path not in self.origins:
            path = path[:-1]
        return self.origins[path]

    def drop(self, path: KeyPath) -> None:
        """Forget where a key was written and what was wrong with it, when it gets replaced."""
        depth = len(path)
        self.origins = {known: at for known, at in self.origins.items() if known[:depth] != path}
        self.problems = [problem for problem in self.problems if problem.path[:depth] != path]


def parse_document(
    text: str,
    name: str,
    environ: Mapping[str, str] | None,
    *,
    keys: str = "gitlab, groups and poll",
) -> Document:
    """Read YAML text.

    Args:
        text: The file's text.
        name: The file's name, for messages.
        environ: Replaces every ``${NAME}`` in text values; None leaves them alone.
        keys: Some that it may have at the top, for messages.

    Returns:
        The document. Syntax errors, duplicate keys and unset variables are among its problems.
    """
    document = Document(origins={(): Origin(name)})
    try:
        root = yaml.compose(text, Loader=_Loader)
    except RecursionError:
        document.problems.append(Problem(Origin(name), (), "nested too deeply"))
        return document
    except yaml.YAMLError as error:
        document.problems.append(_syntax_problem(error, text, name))
        return document
    if root is None:
        return document
    data = _Reader(document, name, environ).value(root, ())
    if isinstance(data, dict):
        document.data = data
    elif data is not None:
        allowed = f"the top level must be a mapping of keys such as {keys}"
        document.problems.append(Problem(Origin(name, _line(root)), (), allowed))
    return document


def parse_flow(text: str) -> object:
    """Read one YAML or JSON value as environment variables carry it.

    Raises:
        ValueError: When it is none; the message does not repeat the text.
    """
    document = parse_document(f"value: {text}", "", None)
    if document.problems or document.data.keys() != {"value"}:
        raise ValueError("is not valid YAML")
    return document.data["value"]


class _Reader:
    """Turns YAML nodes into values, noting lines and problems in a document."""

    def __init__(self, document: Document, name: str, environ: Mapping[str, str] | None) -> None:
        self._document = document
        self._name = name
        self._environ = environ
        self._open: set[int] = set()
        self._values = 0

    def value(self, node: yaml.Node, path: KeyPath) -> object:
        """The node's value; None where a problem was noted instead."""
        if id(node) in self._open:
            self._note(node, path, "an alias must not contain itself")
            return None
        self._values += 1
        if self._values > _MOST_VALUES:
            if self._values == _MOST_VALUES + 1:
                self._note(node, path, "too many values, perhaps by aliases within aliases")
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return dict(self._entries(node, path))
            if isinstance(node, yaml.SequenceNode):
                return [self._item(item, (*path, at)) for at, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._open.discard(id(node))

    def _item(self, node: yaml.Node, path: KeyPath) -> object:
        self._document.origins[path] = Origin(self._name, _line(node))
        return self.value(node, path)

    def _entries(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, object]]:
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._note(key_node, path, "a key must be plain text")
                continue
            key, line = str(key_node.value), _line(key_node)
            if key in first:
                text = f"given twice, first on line {first[key]}; keep one"
                self._note(key_node, (*path, key), text)
                continue
            first[key] = line
            self._document.origins[*path, key] = Origin(self._name, line)
            yield key, self.value(value_node, (*path, key))

    def _scalar(self, node: yaml.Node, path: KeyPath) -> object:
        kind = _KINDS.get(node.tag)
        if kind is None:
            self._note(node, path, "YAML tags (!name) are not supported; write the plain value")
            return None
        try:
            value = kind(node.value)
        except ValueError:
            self._note(node, path, "the value does not fit its YAML tag; write the plain value")
            return None
        return self._interpolate(node, path, value) if isinstance(value, str) else value

    def _interpolate(self, node: yaml.Node, path: KeyPath, text: str) -> str:
        environ = self._environ
        if environ is None:
            return text
        if "${" in _VARIABLE.sub("", text):
            self._note(node, path, "'${' must begin the name of a variable; write ${NAME}")
            return text
        for name in dict.fromkeys(match["name"] for match in _VARIABLE.finditer(text)):
            if name not in environ:
                self._note(node, path, f"the environment variable {name} is not set; set it")
        return _VARIABLE.sub(lambda match: environ.get(match["name"], match[0]), text)

    def _note(self, node: yaml.Node, path: KeyPath, text: str) -> None:
        self._document.problems.append(Problem(Origin(self._name, _line(node)), path, text))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _syntax_problem(error: yaml.YAMLError, text: str, name: str) -> Problem:
    # PyYAML's own message quotes the line, which may hold the token.
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        parts = [part for part in (error.context, error.problem) if part]
        what = re.sub(
            r"(alias|anchor|handle) (['\"]).*\2", r"\1", ", ".join(parts), flags=re.DOTALL
        )
        return Problem(Origin(name, mark.line + 1 if mark else None), (), f"not valid YAML: {what}")
    position = getattr(error, "position", 0)
    line = text.count("\n", 0, position) + 1
    return Problem(Origin(name, line), (), "not valid YAML: a character that YAML does not allow")
