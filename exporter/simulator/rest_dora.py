"""REST: GitLab's own DORA metrics, of an instance that is licensed for them.

GitLab keeps a row for each environment and UTC day: how many successful deployments finished, and
the median lead time of all merge requests linked to them, in whole seconds. An answer adds the
counts of all environments of a tier up and takes the median of the medians. A day without any row
is left out. https://docs.gitlab.com/ee/api/dora/metrics.html
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any, Final

from exporter.simulator.access import REPORTER, group_level, reports_on
from exporter.simulator.call import Answer, Call
from exporter.simulator.errors import ApiError, bad_parameter
from exporter.simulator.lookup import visible_group, visible_project
from exporter.simulator.tiers import TIERS
from exporter.simulator.world import Environment, Project, World

LONGEST_DAYS: Final = 92

_METRICS: Final = ("deployment_frequency", "lead_time_for_changes")
_INTERVALS: Final = ("all", "monthly", "daily")

_Row = tuple[int, int | None]
"""Deployments, and the median lead time in seconds if anything was merged."""


def project_metrics(call: Call) -> Answer:
    """Answer `GET /projects/:id/dora/metrics`."""
    _licensed_edition(call)
    project = visible_project(call)
    return _metrics(call, [project], allowed=reports_on(call.world, call.caller, project))


def group_metrics(call: Call) -> Answer:
    """Answer `GET /groups/:id/dora/metrics`, over all projects below, archived ones too."""
    _licensed_edition(call)
    group = visible_group(call)
    below = [one for one in call.world.projects.values() if group in one.namespace.lineage]
    level = group_level(call.world, group, call.caller.user)
    return _metrics(call, below, allowed=call.caller.admin or level >= REPORTER)


def _licensed_edition(call: Call) -> None:
    features = call.world.features
    if not features.dora and features.dora_status == 404:
        raise ApiError(404, {"error": "404 Not Found"})


def _metrics(call: Call, projects: Iterable[Project], *, allowed: bool) -> Answer:
    metric = call.choice("metric", _METRICS, None)
    if metric is None:
        raise bad_parameter("metric is missing")
    interval = call.choice("interval", _INTERVALS, "daily")
    tier = call.choice("environment_tier", TIERS, "production")
    today = call.world.clock().astimezone(UTC).date()
    start = _day(call, "start_date", today - timedelta(days=90))
    end = _day(call, "end_date", today)
    if (end - start).days > LONGEST_DAYS:
        raise ApiError(400, {"message": f"Date range must be shorter than {LONGEST_DAYS} days."})
    if start >= end:
        raise ApiError(400, {"message": "The start date must be earlier than the end date."})
    if not allowed or not call.world.features.dora:
        raise ApiError(401, {"message": "You do not have permission to access dora metrics."})
    by_day: dict[date, list[_Row]] = defaultdict(list)
    for project in projects:
        for environment in project.environments.values():
            if environment.tier == tier:
                for day, row in _rows(call.world, environment).items():
                    if start <= day <= end:
                        by_day[day].append(row)
    value = _frequency if metric == "deployment_frequency" else _lead_time
    if interval == "all":
        return Answer(value([row for rows in by_day.values() for row in rows]))
    found: dict[date, list[_Row]] = defaultdict(list)
    for day, rows in by_day.items():
        found[day.replace(day=1) if interval == "monthly" else day] += rows
    form = _FORMS[call.world.features.dora_payload]
    return Answer([form(day.isoformat(), value(found[day])) for day in sorted(found)])


def _rows(world: World, environment: Environment) -> dict[date, _Row]:
    features, now = world.features, world.clock()
    deployments: dict[date, int] = defaultdict(int)
    waits: dict[date, list[float]] = defaultdict(list)
    index = world.index(environment.project).select((environment.id, "success"))
    for number in index.page(0, len(index)):
        one = world.deployments[number]
        finished_at = one.finished_at
        if finished_at is None or finished_at > now - timedelta(seconds=features.dora_lag_seconds):
            continue
        if features.dora_since is not None and finished_at < features.dora_since:
            continue
        day = finished_at.astimezone(UTC).date()
        deployments[day] += 1
        for merge_request in world.linked_merge_requests(one):
            if merge_request.merged_at is not None:
                waited = (finished_at - merge_request.merged_at).total_seconds()
                waits[day].append(waited if features.dora_negative else max(waited, 0.0))
    return {
        day: (number, max(0, round(median(waits[day]))) if waits[day] else None)
        for day, number in deployments.items()
    }


def _frequency(rows: list[_Row]) -> int | None:
    return sum(number for number, _ in rows) if rows else None


def _lead_time(rows: list[_Row]) -> float | None:
    medians = [seconds for _, seconds in rows if seconds is not None]
    return float(median(medians)) if medians else None


def _day(call: Call, name: str, default: date) -> date:
    text = call.text(name)
    if text is None:
        return default
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise bad_parameter(f"{name} is invalid") from None


_FORMS: Final[dict[str, Callable[[str, Any], dict[str, Any]]]] = {
    "key_value": lambda day, value: {day: value},
    "both": lambda day, value: {day: value, "date": day, "value": value},
    "date_value": lambda day, value: {"date": day, "value": value},
}
