"""The families are those that dashboards and rules rely on: names, kinds and labels."""

import re
from pathlib import Path

import pytest

from exporter.metrics.catalogue import EVERY, GROUP, PROJECT, Family

README = Path(__file__).parents[2] / "README.md"

OF_PROJECTS = ("project_id", "project", "group", "environment_tier")
OF_GROUPS = ("group_id", "group", "level", "environment_tier")

# Of the nine families of a level: the end of the name, the kind, the labels besides its own.
NINE = [
    ("deployments_total", "counter", ()),
    ("recent_deployments", "gauge", ("window",)),
    ("deployment_frequency", "gauge", ("window",)),
    ("lead_time_for_changes_seconds", "gauge", ("window", "percentile")),
    ("lead_time_for_changes_merge_requests", "gauge", ("window",)),
    ("last_deployment_timestamp_seconds", "gauge", ()),
    ("previous_deployments", "gauge", ("window",)),
    ("previous_lead_time_for_changes_seconds", "gauge", ("window", "percentile")),
    ("previous_lead_time_for_changes_merge_requests", "gauge", ("window",)),
]
EXPORTER = [
    ("build_info", "gauge", ("version", "python_version")),
    ("leader", "gauge", ()),
    ("up", "gauge", ()),
    ("last_poll_success_timestamp_seconds", "gauge", ()),
    ("poll_duration_seconds", "gauge", ()),
    ("project_poll_errors_total", "counter", ("project_id", "project", "group")),
    ("linked_deployments_ratio", "gauge", ("project_id", "project", "group", "window")),
    ("gitlab_requests_total", "counter", ("endpoint", "code")),
    ("gitlab_rate_limit_remaining", "gauge", ()),
    ("token_expiry_timestamp_seconds", "gauge", ()),
    ("stale_projects", "gauge", ()),
    ("links_total", "counter", ("method",)),
    ("webhook_events_total", "counter", ("outcome",)),
    ("series", "gauge", ()),
    ("series_limit_exceeded", "gauge", ()),
]


def test_the_families_are_exactly_these() -> None:
    expected = [
        *((f"gitlab_dora_project_{name}", kind, OF_PROJECTS + more) for name, kind, more in NINE),
        *((f"gitlab_dora_group_{name}", kind, OF_GROUPS + more) for name, kind, more in NINE),
        *((f"gitlab_dora_exporter_{name}", kind, labels) for name, kind, labels in EXPORTER),
    ]
    assert [(one.name, one.kind, one.labels) for one in EVERY] == expected


def test_projects_and_groups_share_no_family() -> None:
    """So no sum counts a deployment twice."""
    assert not {one.name for one in PROJECT.all()} & {one.name for one in GROUP.all()}


@pytest.mark.parametrize("family", EVERY, ids=lambda family: family.name)
def test_each_family_explains_itself(family: Family) -> None:
    """A dashboard is written from the help alone: whole sentences, the unit where there is one."""
    assert family.help.endswith(".")
    assert len(family.help.split()) >= 6
    assert (family.kind == "counter") == family.name.endswith("_total")
    if "timestamp" in family.name:
        assert "Unix time" in family.help


@pytest.mark.parametrize("family", EVERY, ids=lambda family: family.name)
def test_the_readme_names_each_family(family: Family) -> None:
    """The group's nine are named by their common beginning."""
    text = README.read_text(encoding="utf-8")
    if family in GROUP.all():
        assert "`gitlab_dora_group_*`" in text
    else:
        assert re.search(rf"^\| `{family.name}` \| {family.kind} \|", text, re.MULTILINE)
