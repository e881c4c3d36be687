"""Promtool takes the rules, and their unit tests pass: the YAML files in this folder."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rules.rule_files import ALERTS, FILES, FOLDER, UNIT_TESTS
from tests.tools import require

WEAKER = {
    "a lead time that grows by little": ("> 1.5 *", "> 1.4 *"),
    "a few minutes more": ("> 4 * 3600", "> 3.9 * 3600"),
    "four merge requests": (">= 5\n", ">= 4\n"),
    "other percentiles": ('percentile="50"', 'percentile=~"50|95"'),
    "windows of a day": ('window=~"7d|30d"', 'window=~"1d|7d|30d"'),
    "other tiers": ('environment_tier="production"', 'environment_tier=~".+"'),
    "exactly half": ("< 0.5 *", "<= 0.5 *"),
    "nine deployments": (">= 10)", ">= 9)"),
    "four deployments": (">= 5)", ">= 4)"),
    "rest of a week": ("> 7 * 86400", ">= 7 * 86400"),
    "usual rest": ("> ignoring (window)", ">= ignoring (window)"),
    "an unread project": ("[1h]) > 0", "[1h]) > 1000"),
    "less patience": ("for: 6h", "for: 5h"),
    "more patience": ("for: 6h", "for: 7h"),
    "each instance": ("max without (instance, pod)", "max without (pod)"),
    "two alerts for one": ("or on ()", "or"),
    "other jobs": ('up{job=~".*gitlab-dora.*"}', "up"),
    "polls of exactly 30 minutes": ("> 30 * 60", ">= 30 * 60"),
    "withheld or not": ("limit_exceeded) == 1", "limit_exceeded) >= 0"),
    "50 requests": ("remaining < 50", "remaining <= 50"),
    "two failures": ("> 2.5", "> 1.5"),
    "failures that are over": (")\n          > 0\n", ")\n          > -1\n"),
    "nothing readable": ("gitlab_dora_exporter_up == 1", "gitlab_dora_exporter_up >= 0"),
    "exactly a tenth": ("> 0.1\n", ">= 0.1\n"),
}
"""Rules that are a little wrong: each must be noticed by a unit test."""


def _promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [require("promtool"), *arguments], check=False, capture_output=True, text=True
    )


def _unit_tests(path: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load(path.read_text())["tests"]
    return [one for group in groups for one in group["alert_rule_test"]]


def test_promtool_has_nothing_to_say() -> None:
    done = _promtool("check", "rules", "--lint=all", "--lint-fatal", *FILES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_unit_tests_pass(path: Path) -> None:
    done = _promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_unit_tests_see_each_alert_raised_and_not(alert: str) -> None:
    told = [
        one["exp_alerts"]
        for path in UNIT_TESTS
        for one in _unit_tests(path)
        if one["alertname"] == alert
    ]
    assert any(told)
    assert not all(told)


@pytest.mark.long
@pytest.mark.parametrize("change", WEAKER)
def test_unit_tests_notice_a_wrong_rule(change: str, tmp_path: Path) -> None:
    right, wrong = WEAKER[change]
    path = next(path for path in FILES if right in path.read_text())
    (tmp_path / path.name).write_text(path.read_text().replace(right, wrong))
    noticed = []
    for unit_test in UNIT_TESTS:
        text = unit_test.read_text()
        if path.name in text:
            copy = tmp_path / unit_test.name
            copy.write_text(text.replace(f"../../{FOLDER.relative_to(FOLDER.parents[1])}/", ""))
            noticed.append(_promtool("test", "rules", copy))
    assert any("FAILED" in one.stdout + one.stderr for one in noticed)
