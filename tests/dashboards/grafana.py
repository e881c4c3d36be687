"""What Grafana asks Prometheus for: the values of variables, and the queries of panels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from tests.dashboards import promql
from tests.dashboards.dashboard_files import Json, Query, query_variables

ALL = "$__all"
_DAY = 86_400
_STEPS = {"15s": 15, "1m": 60, "1h": 3 * 3600, "1d": _DAY}
"""Seconds between the points of a graph, by the least it asks for: an hour is too fine for 90 days
on half a page."""

Selection = Mapping[str, str]
"""The chosen value of each variable, as it stands in a query."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks a Prometheus as Grafana would."""

    url: str

    def values(self, variable: Json, chosen: Selection) -> list[str]:
        """Return the values that a variable offers after earlier variables were chosen."""
        selector, label = promql.label_values(variable)
        found: list[str] = self._get(
            f"label/{label}/values", **{"match[]": promql.fill_in(selector, chosen)}
        )
        return found

    def numbers(self, query: Query, chosen: Selection, now: float) -> list[float]:
        """Return all numbers that a query of a panel draws."""
        if query.instant:
            return self.vector(promql.fill_in(query.expression, chosen), now)
        step = _STEPS[query.step]
        days = 90 if step >= 3600 else 0.1
        # On round times, as Grafana asks: the newest values lie after the last step.
        end = now // step * step if step >= 3600 else now
        found = self._get(
            "query_range",
            query=promql.fill_in(query.expression, {**chosen, "__interval": f"{step}s"}),
            start=str(end - days * _DAY),
            end=str(end),
            step=str(step),
        )
        return [float(number) for one in found["result"] for _, number in one["values"]]

    def vector(self, expression: str, now: float) -> list[float]:
        """Return the numbers of an instant query."""
        found = self._get("query", query=expression, time=str(now))
        return [float(one["value"][1]) for one in found["result"]]

    def selections(self, dashboard: Json) -> Iterator[dict[str, str]]:
        """Give each combination of values that can be chosen one after another."""
        return self._selections(query_variables(dashboard), {})

    def default(self, dashboard: Json) -> dict[str, str]:
        """Return what is chosen when the dashboard opens."""
        chosen: dict[str, str] = {}
        for variable in query_variables(dashboard):
            offered = self.values(variable, chosen)
            wanted = variable["current"].get("value")
            if isinstance(wanted, list):
                kept = [one for one in wanted if one in (*offered, ALL)]
                chosen[variable["name"]] = _several(variable, kept or offered[:1])
            else:
                chosen[variable["name"]] = wanted if wanted in offered else offered[0]
        return chosen

    def _selections(
        self, variables: list[Json], chosen: dict[str, str]
    ) -> Iterator[dict[str, str]]:
        if not variables:
            yield chosen
            return
        variable, *others = variables
        offered = self.values(variable, chosen)
        assert offered, f"{variable['name']} offers nothing after {chosen}"
        options = list(offered)
        if variable["multi"]:
            options += [_several(variable, offered[:2]), _several(variable, [ALL])]
        for value in options:
            yield from self._selections(others, {**chosen, variable["name"]: value})

    def _get(self, what: str, **parameters: str) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=60)
        assert answer.status_code == 200, f"{answer.text} for {parameters}"
        return answer.json()["data"]


def _several(variable: Json, values: list[str]) -> str:
    if values == [ALL]:
        return str(variable["allValue"])
    return values[0] if len(values) == 1 else f"({'|'.join(values)})"
