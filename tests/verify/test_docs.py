"""The documentation names each reason, and the exit codes."""

from pathlib import Path

from exporter import cli
from exporter.verify import Reason
from exporter.verify.reasons import MEANING

TOLD = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


def test_each_reason_is_documented_and_said_to_people() -> None:
    assert [one for one in Reason if f"| `{one}` |" not in TOLD] == []
    assert [*MEANING] == [*Reason]


def test_exit_codes_are_documented() -> None:
    assert f"| {cli.NOT_LICENSED} | GitLab has no DORA metrics" in TOLD
