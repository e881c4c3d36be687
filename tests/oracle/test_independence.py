"""The expected numbers must not come from the code that they judge."""

import ast
from pathlib import Path

import pytest

APART = ("wire.py", "question.py", "brute_force.py", "gitlab_sql.py", "recorded.py")
"""What calculates; the other modules here run the exporter, or compare."""


@pytest.mark.parametrize("name", APART)
def test_calculations_take_nothing_from_the_exporter(name: str) -> None:
    tree = ast.parse((Path(__file__).parent / name).read_text(encoding="utf-8"))
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert modules
    judged = {one for one in modules if one.split(".")[0] == "exporter"}
    assert judged <= {"exporter.simulator.records", "exporter.simulator.world"}
    helpers = {one for one in modules if one.startswith("tests.")}
    assert helpers <= {f"tests.oracle.{Path(one).stem}" for one in APART} | {"tests.postgres"}
