"""The dashboards in the repository, read for tests."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Query:
    """One query of one panel."""

    dashboard: str
    panel: str
    ref_id: str
    expression: str
    legend: str
    instant: bool
    step: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel} {self.ref_id}: {self.expression}"


def load(path: Path) -> Json:
    """Read one dashboard."""
    read: Json = json.loads(path.read_text(encoding="utf-8"))
    return read


def panels(dashboard: Json) -> Iterator[Json]:
    """Give all panels, those in collapsed rows too."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def drawn(dashboard: Json) -> Iterator[Json]:
    """Give the panels that show something: all but the headings."""
    return (panel for panel in panels(dashboard) if panel["type"] != "row")


def queries(dashboard: Json) -> Iterator[Query]:
    """Give all queries of all panels."""
    for panel in panels(dashboard):
        for target in panel.get("targets", ()):
            yield Query(
                dashboard["uid"],
                panel["title"],
                target["refId"],
                target["expr"],
                target["legendFormat"],
                target["instant"],
                target["interval"],
            )


def variables(dashboard: Json) -> list[Json]:
    """Return the template variables in their order."""
    found: list[Json] = dashboard["templating"]["list"]
    return found


def query_variables(dashboard: Json) -> list[Json]:
    """Return the variables whose values come from Prometheus."""
    return [one for one in variables(dashboard) if one["type"] == "query"]
