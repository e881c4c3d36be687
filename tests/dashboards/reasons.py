"""Why a query may give nothing, looked up in the data: everything else that is empty is wrong."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.dashboards import promql

Vector = Callable[[str], list[float]]
"""Gives the numbers of an instant query."""

_LEAD_TIME = "lead_time_for_changes_seconds"
_MERGE_REQUESTS = "lead_time_for_changes_merge_requests"


@dataclass(frozen=True, slots=True)
class _Asked:
    """The series that an empty query selects."""

    matchers: dict[str, dict[str, str]]
    vector: Vector

    def has(self, metric: str) -> bool:
        return any(name.endswith(metric) for name in self.matchers)

    def select(self, metric: str, instead: str = "", *, without: str = "") -> str:
        """Select the series of a metric, or of another one by the same labels."""
        name = next(one for one in self.matchers if one.endswith(metric))
        own = {label: text for label, text in self.matchers[name].items() if label != without}
        # Regular expressions hold for plain values too, but for dots, which are not in the estate.
        labels = ", ".join(f'{label}=~"{text}"' for label, text in own.items())
        return f"{name.replace(metric, instead or metric)}{{{labels}}}"

    def none(self, expression: str) -> bool:
        return not self.vector(expression)


def _no_such_groups(asked: _Asked) -> bool:
    name = next(iter(asked.matchers))
    if "level" not in asked.matchers[name]:
        return False
    own = asked.matchers[name]
    tier = f'level=~"{own["level"]}", environment_tier="{own["environment_tier"]}"'
    return asked.none(f"gitlab_dora_group_deployments_total{{{tier}}}")


def _merge_requests_behind(asked: _Asked) -> str | None:
    """Select how many merge requests stand behind the lead time that is asked for."""
    for metric in (f"project_{_LEAD_TIME}", f"group_{_LEAD_TIME}"):
        if asked.has(metric):
            instead = metric.replace(_LEAD_TIME, _MERGE_REQUESTS)
            return asked.select(metric, instead, without="percentile")
    return None


def _no_merge_requests(asked: _Asked) -> bool:
    behind = _merge_requests_behind(asked)
    return behind is not None and asked.vector(f"sum({behind})") == [0]


def _no_lead_time_to_compare(asked: _Asked) -> bool:
    behind = _merge_requests_behind(asked)
    if behind is None or not asked.has(f"previous_{_LEAD_TIME}") or asked.none(behind):
        return False
    before = asked.select(f"previous_{_LEAD_TIME}")
    return asked.none(f"({behind} > 0) and ignoring(percentile) ({before} > 0)")


def _no_deployments_to_compare(asked: _Asked) -> bool:
    if not asked.has("previous_deployments"):
        return False
    return asked.vector(f"sum({asked.select('previous_deployments')})") == [0]


REASONS: dict[str, Callable[[_Asked], bool]] = {
    "no group of that level has deployed to that tier": _no_such_groups,
    "no merge request was deployed in the window": _no_merge_requests,
    "no merge request was deployed in both windows": _no_lead_time_to_compare,
    "nothing was deployed in the window before": _no_deployments_to_compare,
}


def reason_for_nothing(expression: str, vector: Vector) -> str | None:
    """Return why an expression, filled in, gives nothing; None when it should give something."""
    asked = _Asked(promql.take_apart(expression).matchers, vector)
    for reason, holds in REASONS.items():
        if holds(asked):
            return reason
    return None
