"""Every alert says what is wrong, where to look and what to do."""

import re

import pytest

from exporter.gitlab.contact import Trouble
from tests.dashboards.dashboard_files import FILES as DASHBOARDS
from tests.dashboards.dashboard_files import load
from tests.rules.rule_files import ALERTS, ROOT

RUNBOOKS = (ROOT / "docs/runbooks.md").read_text()
HEADINGS = re.findall(r"^## (\w+)$", RUNBOOKS, re.MULTILINE)
README = (ROOT / "README.md").read_text()
VARIABLES = {
    dashboard["uid"]: {one["name"] for one in dashboard["templating"]["list"]}
    for dashboard in map(load, DASHBOARDS)
}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_is_told_in_full(alert: str) -> None:
    rule = ALERTS[alert]
    assert re.fullmatch(r"GitLabDora[A-Z]\w+", alert)
    assert rule["labels"]["severity"] in ("warning", "info")
    told = rule["annotations"]
    assert set(told) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert "{{" not in told["summary"]
    assert "{{" in told["description"]


def test_the_runbooks_are_those_of_the_alerts() -> None:
    assert list(ALERTS) == HEADINGS
    for alert, rule in ALERTS.items():
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{alert.lower()}"


@pytest.mark.parametrize(
    "trouble", [Trouble.REFUSED, Trouble.UNKNOWN_HOST, Trouble.PROXY, Trouble.CUT]
)
def test_the_runbook_knows_what_the_log_says_of_connections(trouble: Trouble) -> None:
    (row,) = (line for line in RUNBOOKS.splitlines() if "connection fails: " in line)
    said = row.split("|")[1].replace("connection fails: ", "")
    assert f"`{trouble}`" in said


@pytest.mark.parametrize("alert", ALERTS)
def test_the_dashboard_exists_and_knows_what_it_is_given(alert: str) -> None:
    path, _, query = ALERTS[alert]["annotations"]["dashboard_url"].partition("?")
    given = re.findall(r"(?:^|&)var-(\w+)=", query)
    assert set(given) <= VARIABLES[path.removeprefix("d/")]


@pytest.mark.parametrize("alert", ALERTS)
def test_the_readme_lists_the_alert_with_its_severity(alert: str) -> None:
    (row,) = (line for line in README.splitlines() if f"`{alert}`" in line)
    assert row.split("|")[2].strip() == ALERTS[alert]["labels"]["severity"]
