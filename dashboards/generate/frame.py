"""What the dashboards have in common: uids, variables, links to each other, time range."""

from collections.abc import Sequence
from typing import Any

from dashboards.generate.fields import Json
from dashboards.generate.panels import DATASOURCE, Row, lay_out

OVERVIEW_UID = "gitlab-dora-overview"
GROUP_UID = "gitlab-dora-group"
PROJECT_UID = "gitlab-dora-project"
EXPORTER_UID = "gitlab-dora-exporter"

TITLES = {
    OVERVIEW_UID: "DORA overview",
    GROUP_UID: "DORA group",
    PROJECT_UID: "DORA project",
    EXPORTER_UID: "DORA exporter",
}

_SCHEMA_VERSION = 27
_ALPHABETICAL, _NUMERICAL = 5, 3
_ON_TIME_RANGE_CHANGE = 2

_DATASOURCE_VARIABLE: Json = {
    "current": {},
    "description": "The Prometheus that scrapes the exporter.",
    "error": None,
    "hide": 0,
    "includeAll": False,
    "label": "Data source",
    "multi": False,
    "name": "datasource",
    "options": [],
    "query": "prometheus",
    "queryValue": "",
    "refresh": 1,
    "regex": "",
    "skipUrlSync": False,
    "type": "datasource",
}


def dashboard(
    uid: str,
    description: str,
    variables: Sequence[Json],
    rows: Sequence[Row],
    *,
    since: str = "now-90d",
    links: Sequence[Json] = (),
) -> Json:
    """Put a dashboard together; ``links`` are those that lead to no other dashboard."""
    return {
        "annotations": {"list": []},
        "description": description,
        "editable": True,
        "gnetId": None,
        "graphTooltip": 1,
        "id": None,
        "links": [*(_link(uid, other) for other in TITLES if other != uid), *links],
        "panels": lay_out(rows),
        "refresh": "5m",
        "schemaVersion": _SCHEMA_VERSION,
        "tags": ["dora", "gitlab"],
        "templating": {"list": [_DATASOURCE_VARIABLE, *variables]},
        "time": {"from": since, "to": "now"},
        "timepicker": {},
        "timezone": "",
        "title": TITLES[uid],
        "uid": uid,
    }


def variable(
    name: str,
    label: str,
    description: str,
    query: str,
    *,
    default: str | list[str] | None = None,
    all_by_default: bool = False,
    several: bool = False,
    numbers: bool = False,
) -> Json:
    """Return a variable whose values are those of a label."""
    current: dict[str, Any] = {}
    if default is not None:
        current = {"selected": True, "text": default, "value": default}
    if all_by_default:
        current = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return {
        "allValue": ".+" if several else None,
        "current": current,
        "datasource": DATASOURCE,
        "definition": query,
        "description": description,
        "error": None,
        "hide": 0,
        "includeAll": several,
        "label": label,
        "multi": several,
        "name": name,
        "options": [],
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "refresh": _ON_TIME_RANGE_CHANGE,
        "regex": "",
        "skipUrlSync": False,
        "sort": _NUMERICAL if numbers else _ALPHABETICAL,
        "type": "query",
    }


def tier(metric: str) -> Json:
    """Return the variable for the tier; ``metric`` may select series by earlier variables."""
    return variable(
        "environment_tier",
        "Tier",
        "Deployments to environments of this tier.",
        f"label_values({metric}, environment_tier)",
        default="production",
    )


def window(metric: str) -> Json:
    """Return the variable for the trailing window."""
    return variable(
        "window",
        "Window",
        "Numbers of the days up to the last poll; changes are against as many days before them.",
        f"label_values({metric}, window)",
        default="30d",
        numbers=True,
    )


def _link(uid: str, other: str) -> Json:
    return {
        "asDropdown": False,
        "icon": "dashboard",
        "includeVars": True,
        # Months of deployments and hours of polls do not fit one time range.
        "keepTime": EXPORTER_UID not in {uid, other},
        "tags": [],
        "targetBlank": False,
        "title": TITLES[other],
        "tooltip": "",
        "type": "link",
        "url": f"/d/{other}",
    }
