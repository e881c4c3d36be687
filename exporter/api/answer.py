"""From a question to its answer: the numbers of one project, or of all projects of a group."""

from collections.abc import Sequence

from exporter.api.parameters import MetricName, Query
from exporter.dora.arithmetic import deployment_frequency, lead_time_for_changes
from exporter.dora.calendar import Bucket, Interval, buckets
from exporter.dora.facts import Group, Project
from exporter.ledger import View

Number = int | float | None
Answer = Number | list[dict[str, Number]] | list[dict[str, str | Number]]


def answer(view: View, container: Project | Group, query: Query) -> Answer:
    """Answer a question about a project or group as GitLab documents it.

    Returns:
        For ``all`` a bare number or None; else one element for each bucket, oldest first, which
        names the day and its number in the form of the payload.
    """
    periods = buckets(query.start, query.end, query.interval, view.rules.zone)
    numbers = _numbers(view, container, query, periods)
    if query.interval is Interval.ALL:
        return numbers[0]
    days = [period.day.isoformat() for period in periods]
    if query.payload == "key_value":
        return [{day: number} for day, number in zip(days, numbers, strict=True)]
    return [{"date": day, "value": number} for day, number in zip(days, numbers, strict=True)]


def _numbers(
    view: View, container: Project | Group, query: Query, periods: Sequence[Bucket]
) -> list[Number]:
    covered_since = view.covered_since(container)
    if covered_since is None:
        if view.projects_of(container):
            return [None] * len(periods)
        covered_since = periods[0].begins  # there is nothing to know of a group without projects
    if query.metric is MetricName.DEPLOYMENT_FREQUENCY:
        timeline = view.timeline(container, query.tiers)
        return list(deployment_frequency(timeline, periods, covered_since))
    timeline, rules = view.lead_times(container, query.tiers, query.authors)
    medians = lead_time_for_changes(timeline, periods, covered_since, rules)
    return [shown(one) for one in medians]


def shown(number: float | None) -> Number:
    """Return a number as the JSON has it: whole ones without a fraction."""
    return int(number) if number is not None and float(number).is_integer() else number
