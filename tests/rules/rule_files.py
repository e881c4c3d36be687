"""The alert rules in the repository, read for tests."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dashboards" / "prometheus"
FILES = sorted(FOLDER.glob("*.yaml"))
UNIT_TESTS = sorted(Path(__file__).parent.glob("*.yaml"))

Rule = dict[str, Any]


def rules(path: Path) -> list[Rule]:
    """Return all rules of a file."""
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


ALERTS: dict[str, Rule] = {rule["alert"]: rule for path in FILES for rule in rules(path)}


def without_patience(text: str) -> str:
    """Return the text of a rule file whose alerts fire as soon as they hold."""
    return re.sub(r"^( +for:) .+$", r"\1 0s", text, flags=re.MULTILINE)
