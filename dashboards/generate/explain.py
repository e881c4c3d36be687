"""Links from dashboards to what is behind their numbers, which the exporter itself tells."""

from typing import Any

from dashboards.generate.fields import Json

EXPORTER_URL: Json = {
    "current": {
        "selected": True,
        "text": "http://localhost:10143",
        "value": "http://localhost:10143",
    },
    "description": "Where a browser reaches the exporter, for the links that explain numbers.",
    "error": None,
    "hide": 0,
    "label": "Exporter",
    "name": "exporter",
    "options": [],
    "query": "http://localhost:10143",
    "skipUrlSync": False,
    "type": "textbox",
}

_METRICS = {
    "deployment_frequency": "Explain deployments",
    "lead_time_for_changes": "Explain lead time",
}


def explain_links(kind: str) -> list[Json]:
    """Return links to what is behind the numbers of the project or group that is shown.

    Args:
        kind: ``project`` or ``group``, as the dashboard's variable and the exporter's parameter.
    """
    return [_link(kind, metric, title) for metric, title in _METRICS.items()]


def _link(kind: str, metric: str, title: str) -> dict[str, Any]:
    query = (
        f"{kind}=${{{kind}}}&metric={metric}&environment_tier=${{environment_tier}}&interval=daily"
        "&start_date=${__from:date:YYYY-MM-DD}&end_date=${__to:date:YYYY-MM-DD}&per_page=100"
    )
    return {
        "asDropdown": False,
        "icon": "question",
        # The address has all that is asked for.
        "includeVars": False,
        "keepTime": False,
        "tags": [],
        "targetBlank": True,
        "title": title,
        "tooltip": "Deployments and merge requests that count on each day of the time range, and "
        "what is left out and why, as JSON from the exporter.",
        "type": "link",
        "url": f"${{exporter}}/dora/explain?{query}",
    }
