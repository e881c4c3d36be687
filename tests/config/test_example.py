"""The shipped config.yaml is valid and tells the truth about every key."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import BaseModel

from exporter.config import GroupScope, Settings, TierOverride, load
from exporter.config.document import parse_flow
from exporter.config.keys import known_keys

EXAMPLE = Path(__file__).parents[2] / "config.yaml"
ENVIRON = {"GITLAB_TOKEN": "glpat-Zq7TokenOfTheTests"}
# Without a value by default, they stand in the file as comments.
COMMENTED_OUT = {"token_file", "ca_file", "freshness", "secret", "secret_file"}


@dataclass(frozen=True)
class Entry:
    """A key as the file documents it."""

    comment: list[str]
    value: str

    @property
    def default(self) -> str:
        """What the last line of the comment states."""
        return self.comment[-1].removeprefix("Default: ")


def documented() -> dict[str, Entry]:
    """Every key of the file, in use or commented out, as ``section.key`` or ``key``."""
    found: dict[str, Entry] = {}
    section, comment = "", list[str]()
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        entry = re.fullmatch(r"( *)(# )?(?:- )?([a-z_]+):(?: (.*))?", line)
        if entry and (not entry[2] or entry[3] in COMMENTED_OUT):
            indent, _, key, value = entry.groups()
            section = section if indent else key
            name = f"{section}.{key}" if indent else key
            assert name not in found, f"{name} is documented twice"
            found[name] = Entry(comment, value or "")
            comment = []
        elif line.lstrip().startswith("#"):
            comment.append(line.strip().removeprefix("# "))
        else:
            assert not line.strip(), f"what is {line!r}?"
            comment = []
    return found


def sections() -> dict[str, type[BaseModel]]:
    """The models of the top-level keys that are mappings."""
    annotations = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {
        name: kind
        for name, kind in annotations.items()
        if isinstance(kind, type) and issubclass(kind, BaseModel)
    }


def settings() -> Iterator[str]:
    """The dotted name of every field of the models."""
    models: dict[str, type[BaseModel]] = {**sections(), "groups": GroupScope}
    for name in Settings.model_fields:
        yield name
        if name in models:
            yield from (f"{name}.{key}" for key in models[name].model_fields)


def defaults_stated() -> dict[str, Any]:
    """The defaults in the comments, as a file that gives them all would."""
    data: dict[str, Any] = {}
    for name, entry in documented().items():
        head, _, key = name.rpartition(".")
        if head in {*sections(), ""} and entry.comment and name != "gitlab.token":
            target = data.setdefault(head, {}) if head else data
            target[key] = None if entry.default == "none" else parse_flow(entry.default)
    return data


def test_it_is_valid_as_it_stands() -> None:
    """With GITLAB_TOKEN set, the file loads without a warning."""
    shipped = load(EXAMPLE, ENVIRON)
    assert shipped.groups == (GroupScope(path="my-group"),)
    assert shipped.warnings() == []


def test_every_key_is_documented_and_nothing_else() -> None:
    """No field of the models is missing, no key of the file is invented."""
    assert set(documented()) == set(settings())


@pytest.mark.parametrize("name", [name for name in settings() if name not in sections()])
def test_every_key_has_a_sentence_and_its_default(name: str) -> None:
    """Each key has a comment that ends with its default, and shows it."""
    entry = documented()[name]
    assert len(entry.comment) >= 2
    if name == "groups.path":
        assert entry.comment[-1] == "No default: it must be given."
    else:
        assert entry.comment[-1].startswith("Default: ")
    if name.rpartition(".")[2] not in {*COMMENTED_OUT, "token", "groups", "path"}:
        assert entry.value == entry.default, "the file shows what it says is the default"


def test_the_defaults_it_states_are_those_of_the_models() -> None:
    """Writing out all stated defaults changes nothing."""
    stated = defaults_stated()
    token = {"token": "x"}
    written = {**stated, "projects": ["a/b"], "gitlab": {**stated["gitlab"], **token}}
    bare = Settings.model_validate({"projects": ["a/b"], "gitlab": token})
    assert Settings.model_validate(written) == bare
    assert stated["projects"] == stated["groups"] == []
    for key in ("include_subgroups", "archived"):
        default = parse_flow(documented()[f"groups.{key}"].default)
        assert default is GroupScope.model_fields[key].default


def test_the_keys_and_tiers_of_overrides_are_shown_in_their_comment() -> None:
    """The example of an override is valid and complete."""
    comment = " ".join(documented()["environments.tier_overrides"].comment)
    example = re.search(r"For example (\[.*\])\.", comment)
    assert example
    override = cast("list[dict[str, str]]", parse_flow(example[1]))[0]
    assert list(override) == known_keys(("environments", "tier_overrides", 0))
    assert TierOverride.model_validate(override).tier == "production"
    assert all(tier in comment for tier in ("staging", "testing", "development", "other"))
