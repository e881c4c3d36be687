"""The numbers that a group and a project show alike: headline, trends, columns of a table."""

from collections.abc import Callable, Sequence

from dashboards.generate.fields import (
    COUNT,
    FREQUENCY_LEVELS,
    LAST_DEPLOYMENT,
    LEAD_TIME_LEVELS,
    LESS_IS_BETTER,
    LEVELS_OF_FREQUENCY,
    LEVELS_OF_LEAD_TIME,
    MORE_IS_BETTER,
    PER_DAY,
    SECONDS,
    SHARE,
    Json,
    override,
)
from dashboards.generate.panels import Row, graph, now, over_time, stat
from dashboards.generate.queries import WINDOW, age, change, held, largest

Select = Callable[..., str]
"""Gives the series of a metric, named without prefix, with further matchers."""

LEAD_TIME = "lead_time_for_changes_seconds"
MERGE_REQUESTS = "lead_time_for_changes_merge_requests"
BEFORE = "previous_"


def percentile(number: int) -> str:
    """Pin the percentile of a lead time."""
    return f'percentile="{number}"'


def headline(select: Select, what: str) -> Row:
    """Return the row of numbers on top; ``what`` they are about, such as "this project"."""
    deployments = largest(select("recent_deployments", WINDOW))
    deployments_before = largest(select(f"{BEFORE}deployments", WINDOW))
    median = largest(select(LEAD_TIME, WINDOW, percentile(50)))
    median_before = largest(select(BEFORE + LEAD_TIME, WINDOW, percentile(50)))
    panels = [
        stat(
            "Deployments",
            f"Successful deployments of {what} in the window.",
            now(deployments),
            unit=COUNT,
        ),
        stat(
            "Deployment frequency",
            f"Successful deployments of {what} per day of the window. {LEVELS_OF_FREQUENCY}",
            now(largest(select("deployment_frequency", WINDOW))),
            unit=PER_DAY,
            decimals=2,
            thresholds=FREQUENCY_LEVELS,
        ),
        stat(
            "Frequency, change",
            "Deployments in the window against the window before it.",
            now(change(deployments, deployments_before)),
            unit=SHARE,
            decimals=0,
            thresholds=MORE_IS_BETTER,
            no_value="no comparison",
        ),
        stat(
            "Lead time (median)",
            "Half of the merge requests deployed in the window waited less, from merge to "
            f"deployment. {LEVELS_OF_LEAD_TIME}",
            now(median),
            unit=SECONDS,
            decimals=1,
            thresholds=LEAD_TIME_LEVELS,
            no_value="no changes",
        ),
        stat(
            "Lead time, change",
            "Median lead time against the window before: less is better.",
            now(change(median, median_before)),
            unit=SHARE,
            decimals=0,
            thresholds=LESS_IS_BETTER,
            no_value="no comparison",
        ),
        stat(
            "Lead time (95th)",
            "95th percentile: all but the slowest twentieth of the merge requests waited less.",
            now(largest(select(LEAD_TIME, WINDOW, percentile(95)))),
            unit=SECONDS,
            decimals=1,
            no_value="no changes",
        ),
        stat(
            "Merge requests",
            "Merge requests behind the lead time in the window: distrust it when they are few.",
            now(largest(select(MERGE_REQUESTS, WINDOW))),
            unit=COUNT,
        ),
        stat(
            "Last deployment, ago",
            f"Time since the last successful deployment of {what} to this tier.",
            now(age(largest(select("last_deployment_timestamp_seconds")))),
            unit=SECONDS,
            decimals=1,
            thresholds=LAST_DEPLOYMENT,
            no_value="none known",
        ),
    ]
    return 4, [(3, panel) for panel in panels]


def lead_time_graph(select: Select) -> Json:
    """Return the median with the 75th and 95th percentile over time."""
    return graph(
        "Lead time for changes",
        "From merge to deployment, over the merge requests deployed in the trailing window: half "
        "of them waited less than the median, three quarters and nineteen of twenty less than the "
        "lines above it.",
        [
            over_time(held(select(LEAD_TIME, WINDOW, percentile(number))), legend)
            for number, legend in (
                (95, "95th percentile"),
                (75, "75th percentile"),
                (50, "Median"),
            )
        ],
        unit=SECONDS,
        decimals=1,
        no_value="no changes",
    )


def merge_requests_graph(select: Select) -> Json:
    """Return the number of merge requests behind the lead time over time."""
    return graph(
        "Merge requests behind the lead time",
        "Merge requests deployed in the trailing window, and in the window before it: with few of "
        "them, percentiles jump.",
        [
            over_time(held(select(MERGE_REQUESTS, WINDOW)), "Window"),
            over_time(held(select(BEFORE + MERGE_REQUESTS, WINDOW)), "Window before"),
        ],
        unit=COUNT,
        decimals=0,
    )


def columns(select: Select, *by: str) -> list[tuple[str, str]]:
    """Return the columns of a table that compares what the labels tell apart."""

    def one(metric: str, *matchers: str) -> str:
        return largest(select(metric, *matchers), *by)

    median = one(LEAD_TIME, WINDOW, percentile(50))
    return [
        ("Deployments", one("deployment_frequency", WINDOW)),
        (
            "Deployments, change",
            change(
                one("recent_deployments", WINDOW),
                one(f"{BEFORE}deployments", WINDOW),
            ),
        ),
        ("Lead time", median),
        ("75th", one(LEAD_TIME, WINDOW, percentile(75))),
        ("95th", one(LEAD_TIME, WINDOW, percentile(95))),
        (
            "Lead time, change",
            change(median, one(BEFORE + LEAD_TIME, WINDOW, percentile(50))),
        ),
        ("Merge requests", one(MERGE_REQUESTS, WINDOW)),
        ("Last deployment, ago", age(one("last_deployment_timestamp_seconds"))),
        ("Deployments so far", one("deployments_total")),
    ]


def column_overrides() -> Sequence[Json]:
    """Return how to show these columns."""
    return [
        override(
            "Deployments",
            unit=PER_DAY,
            decimals=2,
            thresholds=FREQUENCY_LEVELS,
            custom__displayMode="color-text",
        ),
        _change_override("Deployments, change", MORE_IS_BETTER),
        override(
            "Lead time",
            unit=SECONDS,
            decimals=1,
            thresholds=LEAD_TIME_LEVELS,
            custom__displayMode="color-text",
        ),
        override("75th", unit=SECONDS, decimals=1),
        override("95th", unit=SECONDS, decimals=1),
        _change_override("Lead time, change", LESS_IS_BETTER),
        override(
            "Last deployment, ago",
            unit=SECONDS,
            decimals=1,
            thresholds=LAST_DEPLOYMENT,
            custom__displayMode="color-text",
        ),
        override("Deployments so far", decimals=0),
    ]


def _change_override(column: str, levels: Json) -> Json:
    return override(
        column,
        unit=SHARE,
        decimals=0,
        thresholds=levels,
        custom__displayMode="color-text",
    )
