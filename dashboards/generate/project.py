"""DORA project: its tiers side by side, its deployments day by day, its lead time."""

from dashboards.generate.comparison import (
    column_overrides,
    columns,
    headline,
    lead_time_graph,
    merge_requests_graph,
)
from dashboards.generate.explain import EXPORTER_URL, explain_links
from dashboards.generate.fields import COUNT, PER_DAY, SHARE
from dashboards.generate.frame import PROJECT_UID, dashboard, tier, variable, window
from dashboards.generate.panels import graph, heading, over_time, table
from dashboards.generate.queries import TIER, WINDOW, held, largest, series

_PROJECT = 'project="$project"'


def _in_tier(metric: str, *matchers: str) -> str:
    return series(f"project_{metric}", _PROJECT, TIER, *matchers)


def _in_all_tiers(metric: str, *matchers: str) -> str:
    return series(f"project_{metric}", _PROJECT, *matchers)


# A day's deployments are those of the window that ends with the day, so a bar looks a day ahead;
# for today it takes the last value there is.
_OF_A_DAY = _in_tier("recent_deployments", 'window="1d"')
_DAY_BY_DAY = (
    f"{largest(f'{_OF_A_DAY} offset -1d')} or "
    f"{largest(f'last_over_time({_OF_A_DAY}[25h] offset -1d)')}"
)

_DEPLOYMENTS_PER_DAY = graph(
    "Deployments per day",
    "Successful deployments of each day, from the trailing window 1d, which the exporter must be "
    "configured to have. The last bar stands for the 24 hours up to now.",
    [over_time(_DAY_BY_DAY, "Deployments", "1d")],
    unit=COUNT,
    decimals=0,
    bars=True,
    step="1d",
)

_TIERS = table(
    "Tiers side by side",
    "The project's environments by their tier. Changes are against the window before. So far "
    "counts the deployments that the exporter has seen; it never falls.",
    columns(_in_all_tiers, "environment_tier"),
    by=[("environment_tier", "Tier")],
    sort_by="Tier",
    overrides=column_overrides(),
)

_FREQUENCY_OF_TIERS = graph(
    "Deployments per day by tier",
    "Per day over the trailing window, for each tier of the project.",
    [
        over_time(
            held(_in_all_tiers("deployment_frequency", WINDOW), "environment_tier"),
            "{{environment_tier}}",
        )
    ],
    unit=PER_DAY,
    decimals=2,
)

_WITH_MERGE_REQUESTS = graph(
    "Production deployments with merge requests",
    "The share of the deployments to production that have a merge request, over the longest "
    "window of the exporter. Where it is low GitLab links few of them, and the lead time is of "
    "these only: lead_time.missing_links has the others looked for.",
    [
        over_time(
            held(series("exporter_linked_deployments_ratio", _PROJECT, 'window=~".+"')),
            "Share",
        )
    ],
    unit=SHARE,
    decimals=0,
    no_value="no deployments",
)

PROJECT = dashboard(
    PROJECT_UID,
    "One project: how often it deploys, day by day and to which tiers, and how long its changes "
    "wait for it.",
    [
        variable(
            "group",
            "Group",
            "Shows the projects of this group and its subgroups.",
            'label_values({__name__=~"gitlab_dora_(group|project)_recent_deployments"}, group)',
        ),
        variable(
            "project",
            "Project",
            "The project.",
            'label_values(gitlab_dora_project_recent_deployments{group=~"$group(/.*)?"}, project)',
        ),
        tier(_in_all_tiers("recent_deployments")),
        window(_in_all_tiers("recent_deployments")),
        EXPORTER_URL,
    ],
    [
        headline(_in_tier, "the project"),
        (9, [(12, _DEPLOYMENTS_PER_DAY), (12, lead_time_graph(_in_tier))]),
        (6, [(24, _TIERS)]),
        heading("Over time"),
        (
            9,
            [
                (8, _FREQUENCY_OF_TIERS),
                (8, merge_requests_graph(_in_tier)),
                (8, _WITH_MERGE_REQUESTS),
            ],
        ),
    ],
    links=explain_links("project"),
)
