"""The document lists all that ``doctor`` finds, and what each exit code means."""

import re
from pathlib import Path

from exporter.doctor import Kind

DOCUMENT = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([a-z-]+)` \| (error|warning) \|", DOCUMENT, re.MULTILINE)


def test_every_kind_is_listed_once_in_the_order_of_the_output() -> None:
    assert [(kind.value.code, kind.value.severity.value) for kind in Kind] == ROWS


def test_every_exit_code_is_told() -> None:
    assert re.findall(r"^\| ([0-9]+) \|", DOCUMENT, re.MULTILINE) == ["0", "1", "2", "130"]
