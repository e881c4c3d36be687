"""The rooms of the house and the doors between them, read off the imports."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "exporter").rglob("*.py"))
FILES = sorted([*MODULES, *(ROOT / "tests").rglob("*.py")])
LONGEST = 500


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def name_of(path: Path) -> str:
    """The dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it: modules, or what is in them."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(path)} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def in_room(*rooms: str) -> list[Path]:
    found = [path for path in MODULES if within(name_of(path), *rooms)]
    assert found, f"no module in {rooms}"
    return found


def breaches(paths: list[Path], *forbidden: str, allowed: tuple[str, ...] = ()) -> list[str]:
    """The imports of forbidden packages, but for what is allowed of them."""
    return [
        f"{shown(path)}: {name}"
        for path in paths
        for name in imported(path)
        if within(name, *forbidden) and not within(name, *allowed)
    ]


def outside(*rooms: str) -> list[Path]:
    return [path for path in MODULES if not within(name_of(path), *rooms)]


def test_imports_are_seen() -> None:
    names = set(imported(ROOT / "exporter" / "gitlab" / "client.py"))
    assert {"logging", "requests", "gitlab.Gitlab", "exporter.clock.Clock"} <= names
    assert breaches([ROOT / "exporter" / "gitlab" / "client.py"], "requests", "gitlab") != []


def test_arithmetic_knows_nothing_but_instants() -> None:
    allowed = ("exporter.dora", "exporter.instant")
    assert breaches(in_room("exporter.dora"), "exporter", allowed=allowed) == []


def test_arithmetic_does_no_input_or_output_and_has_no_clock() -> None:
    forbidden = ("os", "io", "pathlib", "socket", "time", "logging", "json", "random", "pydantic")
    assert breaches(in_room("exporter.dora"), *forbidden) == []


def test_explanations_are_arithmetic_too() -> None:
    room, allowed = "exporter.explain", ("exporter.explain", "exporter.dora", "exporter.instant")
    assert breaches(in_room(room), "exporter", allowed=allowed) == []
    assert breaches(in_room("exporter.dora", "exporter.store"), room) == []


def test_simulator_knows_nothing_of_the_exporter() -> None:
    room = "exporter.simulator"
    assert breaches(in_room(room), "exporter", allowed=(room,)) == []


def test_only_one_room_knows_gitlabs_api() -> None:
    assert breaches(outside("exporter.gitlab"), "gitlab", "requests", "urllib3") == []


def test_only_one_room_knows_sql() -> None:
    # A URL of a database is checked where the settings are.
    allowed = ("sqlalchemy.engine.make_url", "sqlalchemy.exc.ArgumentError")
    assert breaches(in_room("exporter.config"), "sqlalchemy", "alembic", allowed=allowed) == []
    assert breaches(outside("exporter.store", "exporter.config"), "sqlalchemy", "alembic") == []


def test_what_is_shown_is_never_asked_of_gitlab() -> None:
    # GitLab is asked who a caller is, and nothing else.
    callers = ("exporter.gitlab.callers", "exporter.gitlab.errors")
    assert breaches(in_room("exporter.metrics"), "exporter.gitlab") == []
    assert breaches(in_room("exporter.api"), "exporter.gitlab", allowed=callers) == []


def test_events_are_hints_and_no_facts() -> None:
    forbidden = ("exporter.store", "exporter.gitlab", "exporter.poller", "exporter.dora")
    assert breaches(in_room("exporter.webhook"), *forbidden) == []
    assert breaches(in_room("exporter.poller"), "exporter.webhook") == []


def test_what_is_estimated_or_verified_is_asked_by_hand() -> None:
    """Only the command imports these rooms, and the estimate needs no store."""
    rooms = ("exporter.estimate", "exporter.verify")
    others = [path for path in outside(*rooms) if name_of(path) != "exporter.cli"]
    assert breaches(others, *rooms) == []
    assert breaches(in_room("exporter.estimate"), "exporter.store", "exporter.service") == []


def test_the_doctor_only_looks() -> None:
    """It asks GitLab, and touches neither the store nor what polls into it."""
    allowed = (
        *("exporter.doctor", "exporter.config", "exporter.gitlab", "exporter.dora"),
        *("exporter.clock", "exporter.instant", "exporter.rules", "exporter.__version__"),
    )
    assert breaches(in_room("exporter.doctor"), "exporter", allowed=allowed) == []
    others = outside("exporter.doctor", "exporter.cli")
    assert breaches(others, "exporter.doctor") == []


def test_the_front_loads_little() -> None:
    """It is in memory beside the exporter, and knows neither facts nor settings."""
    loads = (
        "import sys, exporter.front.__main__;"
        "print(sorted({'numpy', 'pydantic', 'sqlalchemy', 'gitlab', 'requests'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", loads], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout == b"[]\n"


def test_transport_security_knows_no_pages() -> None:
    allowed = ("exporter.webconfig", "exporter.config")
    assert breaches(in_room("exporter.webconfig"), "exporter", allowed=allowed) == []


@pytest.mark.parametrize("room", ["exporter.store", "exporter.gitlab"])
def test_facts_flow_one_way(room: str) -> None:
    later = (
        "exporter.poller",
        "exporter.metrics",
        "exporter.api",
        "exporter.webhook",
        "exporter.web",
    )
    assert breaches(in_room(room), *later) == []


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_module_says_what_it_holds(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [shown(path) for path in FILES if path.stem in drawers] == []


def test_no_file_is_long() -> None:
    lengths = {shown(path): path.read_text(encoding="utf-8").count("\n") for path in MODULES}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}
