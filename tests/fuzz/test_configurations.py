"""Any configuration, any environment, any web configuration: taken, or refused by its keys."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.config import ConfigError, load
from exporter.config.errors import dotted
from exporter.config.keys import setting_keys
from exporter.webconfig.load import load as load_web
from tests.webconfig.secured import HASH

TOKEN = "glpat-Zq7TokenOfTheTests"
NAME = "config.yaml"

GOOD: dict[str, Any] = {
    "gitlab": {"url": "https://gitlab.example.com", "token": TOKEN},
    "groups": [{"path": "acme"}],
    "poll": {"interval": "5m"},
    "environments": {"tier_overrides": [{"match": "^live-", "tier": "production"}]},
    "store": {"url": "sqlite:///dora.db"},
    "webhook": {"secret": "secret-of-the-hook"},
}
WEB: dict[str, Any] = {
    "tls_server_config": {"cert_file": "server.crt", "key_file": "server.key"},
    "http_server_config": {"http2": False, "headers": {"X-Frame-Options": "deny"}},
    "basic_auth_users": {"scraper": HASH},
}

ODD_TEXTS = (
    *("", " ", "\0", "\u2028", "\ud7ff", "\U0010ffff", "${", "${NO}", "${PATH}", "~", "null", "5m"),
    *(
        "9" * 30 + "d",
        "999999999y",
        "999999999w999999999d",
        "9" * 5000,
        "-1",
        "0",
        "1e400",
        ".inf",
        "1" * 19,
        "a{99999999999999999999}",
    ),
    *(
        "(" * 2000,
        "[",
        "(?P<a>",
        "\\",
        "../../../etc/passwd",
        "/",
        "/dev/null",
        "UTC\0",
        "http://[",
    ),
    *("https://a.example:99999999/", "sqlite:///", "sqlite:///:memory:", "postgresql+psycopg://["),
    *("https://a\u200bb", "x" * 3000, "!!python/object:os.system", "*a", "&a", "<<"),
)

TEXTS = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=40))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**17, max_value=10**30),
    st.floats(),
    TEXTS,
    st.dates(),
    st.binary(max_size=20),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(TEXTS, st.integers(), st.booleans()), inner, max_size=4),
    ),
    max_leaves=8,
)


def paths(document: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to each value of a document."""
    found = [before] if before else []
    for key, value in document.items() if isinstance(document, Mapping) else ():
        found += paths(value, (*before, key))
    return found


def changed(document: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """Return a copy that has another value somewhere."""
    key, *rest = path
    inner = document.get(key)
    deeper = (
        changed(inner if isinstance(inner, dict) else {}, tuple(rest), value) if rest else value
    )
    return {**document, key: deeper}


def some_changes(*places: st.SearchStrategy[tuple[Any, ...]]) -> st.SearchStrategy[Any]:
    """Values for one to three of some places, or for keys that are none."""
    change = st.tuples(st.one_of(*places, st.tuples(TEXTS)), VALUES)
    return st.lists(change, min_size=1, max_size=3)


CHANGES = some_changes(
    st.sampled_from([key.path for key in setting_keys()]),
    st.sampled_from(paths(GOOD)),
    st.tuples(st.sampled_from(sorted(GOOD)), TEXTS),
)


def check(error: ConfigError, *, told: str) -> None:
    """Check that each message is one line about one thing, and shows no token."""
    assert error.messages
    for message in error.messages:
        assert told in message
        assert message.count(": ") >= 1
        assert "\n" not in message
        assert TOKEN not in message
        assert HASH not in message
        assert len(message) < 5000


def check_keys(error: ConfigError, tops: set[str]) -> None:
    """Check that a message names a key that is there, or misses one."""
    said = "\n".join(error.messages)
    # An empty key is told by its line alone, and what is missing by its own name.
    names = {dotted((top,)) for top in tops} | {"gitlab", "groups", "not valid YAML"}
    assert "" in names or any(name in said for name in names)


def read(content: bytes, folder: Path) -> ConfigError | None:
    """Load a configuration; return the refusal."""
    path = folder / NAME
    path.write_bytes(content)
    try:
        load(path, {"PATH": "x"})
    except ConfigError as error:
        return error
    return None


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configurations")


EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "50"))
QUICK = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
LONG = settings(max_examples=20 * EXAMPLES, deadline=None, derandomize=True, database=None)


def any_change(folder: Path, changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    document = GOOD
    for path, value in changes:
        document = changed(document, path, value)
    error = read(yaml.safe_dump(document, allow_unicode=True).encode(errors="replace"), folder)
    if error is not None:
        check(error, told=NAME)
        check_keys(error, {str(one) for path, _ in changes for one in path})


@given(changes=CHANGES)
@QUICK
def test_any_value_of_any_key_is_taken_or_refused(
    folder: Path, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    any_change(folder, changes)


@pytest.mark.long
@given(changes=CHANGES)
@LONG
def test_very_many_values_of_any_key_are_taken_or_refused(
    folder: Path, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    any_change(folder, changes)


PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "gitlab:",
                "token:",
                "groups:",
                " ",
                "\n",
                "\n  ",
                "- ",
                "{",
                "}",
                "[",
                "]",
                "&a",
                "*a",
                "!!int ",
                "!x ",
                "|",
                ">",
                "'",
                '"',
                "\\",
                "#",
                "? ",
                ": ",
                "---",
                "...",
                "%YAML 1.1",
                "\t",
                "<<: ",
                "\ufeff",
                "\0",
                "${A}",
                "1",
                "acme",
            ]
        ),
        st.text(max_size=5),
    ),
    max_size=30,
).map(lambda pieces: "".join(pieces).encode(errors="replace"))


@given(content=st.one_of(st.binary(max_size=200), PIECES))
@example(b"a: &a [" + b"[" * 1500)
@example(b"gitlab: {token: !!int " + b"9" * 5000 + b"}")
@QUICK
def test_any_bytes_are_refused_or_a_configuration(folder: Path, content: bytes) -> None:
    error = read(content, folder)
    assert error is not None  # it names no project
    check(error, told=NAME if content.strip() else "")


@given(
    names=st.dictionaries(
        st.one_of(
            st.sampled_from([key.variable for key in setting_keys()]),
            st.text("ABCXYZ_", max_size=8).map(lambda name: f"GITLAB_DORA_{name}"),
        ),
        st.one_of(TEXTS, st.just("\udcff")).filter(lambda text: "\0" not in text),
        max_size=4,
    )
)
@QUICK
def test_any_environment_is_taken_or_refused(names: dict[str, str]) -> None:
    try:
        load(None, {"GITLAB_TOKEN": TOKEN, "GITLAB_DORA_PROJECTS": "1", **names})
    except ConfigError as error:
        check(error, told="")
        said = "\n".join(error.messages)
        assert any(name in said for name in (*names, "neither projects nor groups"))


@given(
    changes=some_changes(
        st.sampled_from(paths(WEB)), st.tuples(st.sampled_from(sorted(WEB)), TEXTS)
    )
)
@QUICK
def test_any_web_configuration_is_taken_or_refused(
    changes: list[tuple[tuple[Any, ...], Any]],
) -> None:
    document = WEB
    for path, value in changes:
        document = changed(document, path, value)
    content = yaml.safe_dump(document, allow_unicode=True).encode(errors="replace")
    try:
        load_web(content, Path("web.yml"))
    except ConfigError as error:
        check(error, told="web.yml")


@given(content=st.one_of(st.binary(max_size=200), PIECES))
@QUICK
def test_any_bytes_are_refused_or_a_web_configuration(content: bytes) -> None:
    try:
        load_web(content, Path("web.yml"))
    except ConfigError as error:
        check(error, told="web.yml")


def test_aliases_that_grow_without_end_are_refused(folder: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    error = read("\n".join(lines).encode(), folder)
    assert error is not None
    assert "too many values" in str(error)
