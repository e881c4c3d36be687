"""DORA overview: how often, how fast, better or worse, and where."""

from dashboards.generate.fields import (
    COUNT,
    FREQUENCY_LEVELS,
    FREQUENCY_WORDS,
    LAST_DEPLOYMENT,
    LEAD_TIME_LEVELS,
    LEAD_TIME_WORDS,
    LESS_IS_BETTER,
    LEVELS_OF_FREQUENCY,
    LEVELS_OF_LEAD_TIME,
    MORE_IS_BETTER,
    PER_DAY,
    SECONDS,
    SHARE,
    Json,
    link,
    override,
)
from dashboards.generate.frame import (
    GROUP_UID,
    OVERVIEW_UID,
    PROJECT_UID,
    dashboard,
    tier,
    variable,
    window,
)
from dashboards.generate.panels import Row, bar_gauge, graph, heading, now, over_time, stat, table
from dashboards.generate.queries import TIER, WINDOW, age, change, held, largest, series

_MEDIAN = 'percentile="50"'
_LEVEL = 'level=~"$level"'


def _of_projects(metric: str, *matchers: str) -> str:
    return largest(series(f"project_{metric}", TIER, WINDOW, *matchers), "project")


def _group_series(metric: str, *matchers: str) -> str:
    return series(f"group_{metric}", _LEVEL, TIER, *matchers)


def _of_groups(metric: str, *matchers: str) -> str:
    return largest(_group_series(metric, *matchers), "group", "group_id", "level")


_RECENT = _of_projects("recent_deployments")
_BEFORE = _of_projects("previous_deployments")
_LEAD_TIMES = _of_projects("lead_time_for_changes_seconds", _MEDIAN)
_LEAD_TIMES_BEFORE = _of_projects("previous_lead_time_for_changes_seconds", _MEDIAN)

_SUMMARY: Row = (
    4,
    [
        (
            3,
            stat(
                "Deployments",
                "Successful deployments of all projects in the window.",
                now(f"sum({_RECENT})"),
                unit=COUNT,
            ),
        ),
        (
            3,
            stat(
                "Deployments, change",
                "Deployments in the window against the window before it, of the projects whose "
                "stored history covers both.",
                now(change(f"sum({_RECENT} and {_BEFORE})", f"sum({_BEFORE})")),
                unit=SHARE,
                decimals=0,
                thresholds=MORE_IS_BETTER,
                no_value="no comparison",
            ),
        ),
        (
            3,
            stat(
                "Projects deploying",
                "Projects with at least one successful deployment in the window.",
                now(f"count({_RECENT} > 0) or 0 * count({_RECENT})"),
                unit=COUNT,
            ),
        ),
        (
            3,
            stat(
                "Typical frequency",
                "Deployments per day of the project in the middle: half of the projects that ever "
                f"deployed to this tier deploy more often. {LEVELS_OF_FREQUENCY}",
                now(f"quantile(0.5, {_of_projects('deployment_frequency')})"),
                unit=PER_DAY,
                decimals=2,
                thresholds=FREQUENCY_LEVELS,
            ),
        ),
        (
            3,
            stat(
                "Typical lead time",
                "Median lead time for changes of the project in the middle: half of the projects "
                f"are faster. From merge to deployment. {LEVELS_OF_LEAD_TIME}",
                now(f"quantile(0.5, {_LEAD_TIMES})"),
                unit=SECONDS,
                decimals=1,
                thresholds=LEAD_TIME_LEVELS,
                no_value="no changes",
            ),
        ),
        (
            3,
            stat(
                "Lead time, change",
                "Median lead time against the window before, of the project in the middle: half of "
                "the projects fared worse. Less is better.",
                now(f"quantile(0.5, {change(_LEAD_TIMES, _LEAD_TIMES_BEFORE)})"),
                unit=SHARE,
                decimals=0,
                thresholds=LESS_IS_BETTER,
                no_value="no comparison",
            ),
        ),
        (
            3,
            stat(
                "Merge requests",
                "Merge requests behind the lead times of all projects in the window.",
                now(f"sum({_of_projects('lead_time_for_changes_merge_requests')})"),
                unit=COUNT,
            ),
        ),
        (
            3,
            stat(
                "Last deployment, ago",
                "Time since anything was deployed successfully to this tier.",
                now(age(largest(series("project_last_deployment_timestamp_seconds", TIER)))),
                unit=SECONDS,
                decimals=1,
                thresholds=LAST_DEPLOYMENT,
                no_value="none known",
            ),
        ),
    ],
)

_FREQUENCY = _of_groups("deployment_frequency", WINDOW)
_LEAD_TIME = _of_groups("lead_time_for_changes_seconds", WINDOW, _MEDIAN)
_LINK_TO_GROUP: Json = link(
    "Projects of this group",
    GROUP_UID,
    group="${__value.raw}",
    environment_tier="${environment_tier}",
    window="${window}",
)

_GROUPS = table(
    "Groups",
    "A row for each group of the chosen levels with all projects below it, so a group contains its "
    "subgroups: never add rows of different levels. Changes are against the window before; so far "
    "counts all deployments that the exporter has seen. "
    f"{LEVELS_OF_FREQUENCY} Lead time: elite below a day, high below a week, medium below 30 days.",
    [
        ("Deployments", _FREQUENCY),
        ("Frequency level", _FREQUENCY),
        (
            "Deployments, change",
            change(
                _of_groups("recent_deployments", WINDOW),
                _of_groups("previous_deployments", WINDOW),
            ),
        ),
        ("Lead time", _LEAD_TIME),
        ("Lead time level", _LEAD_TIME),
        (
            "Lead time, change",
            change(
                _LEAD_TIME, _of_groups("previous_lead_time_for_changes_seconds", WINDOW, _MEDIAN)
            ),
        ),
        ("Merge requests", _of_groups("lead_time_for_changes_merge_requests", WINDOW)),
        ("Last deployment, ago", age(_of_groups("last_deployment_timestamp_seconds"))),
        ("So far", _of_groups("deployments_total")),
    ],
    by=[("group", "Group"), ("level", "Level"), ("group_id", "Id")],
    sort_by="Group",
    overrides=[
        override("Group", links=[_LINK_TO_GROUP], custom__width=260),
        override("Level", custom__width=70),
        override("Id", custom__width=60, unit="none"),
        override("Deployments", unit=PER_DAY, decimals=2),
        override(
            "Frequency level",
            mappings=FREQUENCY_WORDS,
            thresholds=FREQUENCY_LEVELS,
            custom__displayMode="color-background",
        ),
        override(
            "Deployments, change",
            unit=SHARE,
            decimals=0,
            thresholds=MORE_IS_BETTER,
            custom__displayMode="color-text",
        ),
        override("Lead time", unit=SECONDS, decimals=1),
        override(
            "Lead time level",
            mappings=LEAD_TIME_WORDS,
            thresholds=LEAD_TIME_LEVELS,
            custom__displayMode="color-background",
        ),
        override(
            "Lead time, change",
            unit=SHARE,
            decimals=0,
            thresholds=LESS_IS_BETTER,
            custom__displayMode="color-text",
        ),
        override(
            "Last deployment, ago",
            unit=SECONDS,
            decimals=1,
            thresholds=LAST_DEPLOYMENT,
            custom__displayMode="color-text",
        ),
        override("So far", decimals=0, custom__width=90),
    ],
)

_GROUP_OF_LINE: Json = link(
    "Projects of this group",
    GROUP_UID,
    group="${__field.labels.group}",
    environment_tier="${environment_tier}",
    window="${window}",
)
_PROJECT_OF_BAR: Json = link(
    "This project",
    PROJECT_UID,
    group="${__field.labels.group}",
    project="${__field.labels.project}",
    environment_tier="${environment_tier}",
    window="${window}",
)


def _projects_by(metric: str, *matchers: str) -> str:
    return largest(series(f"project_{metric}", TIER, WINDOW, *matchers), "project", "group")


_TRENDS: Row = (
    9,
    [
        (
            12,
            graph(
                "Deployments per day by group",
                "Per day over the trailing window, for the 15 groups of the chosen levels that "
                "deploy most often.",
                [
                    over_time(
                        f"topk(15, {held(_group_series('deployment_frequency', WINDOW), 'group')})",
                        "{{group}}",
                    )
                ],
                unit=PER_DAY,
                decimals=2,
                legend="right",
                links=[_GROUP_OF_LINE],
            ),
        ),
        (
            12,
            graph(
                "Lead time for changes by group (median)",
                "From merge to deployment, over the merge requests deployed in the trailing "
                "window, for the 15 slowest groups of the chosen levels.",
                [
                    over_time(
                        "topk(15, "
                        + held(
                            _group_series("lead_time_for_changes_seconds", WINDOW, _MEDIAN),
                            "group",
                        )
                        + ")",
                        "{{group}}",
                    )
                ],
                unit=SECONDS,
                decimals=1,
                legend="right",
                no_value="no changes",
                links=[_GROUP_OF_LINE],
            ),
        ),
    ],
)

_WHERE: Row = (
    10,
    [
        (
            12,
            bar_gauge(
                "Projects that deploy most often",
                "Deployments per day in the window, the first 12 of all projects. "
                f"{LEVELS_OF_FREQUENCY}",
                now(
                    f"sort_desc(topk(12, {_projects_by('deployment_frequency')}))",
                    "{{project}}",
                ),
                unit=PER_DAY,
                decimals=2,
                thresholds=FREQUENCY_LEVELS,
                links=[_PROJECT_OF_BAR],
            ),
        ),
        (
            12,
            bar_gauge(
                "Projects whose changes wait longest",
                "Median lead time for changes in the window, the first 12 of all projects. "
                f"{LEVELS_OF_LEAD_TIME}",
                now(
                    "sort_desc(topk(12, "
                    f"{_projects_by('lead_time_for_changes_seconds', _MEDIAN)}))",
                    "{{project}}",
                ),
                unit=SECONDS,
                decimals=1,
                thresholds=LEAD_TIME_LEVELS,
                no_value="no changes",
                links=[_PROJECT_OF_BAR],
            ),
        ),
    ],
)

_LEVELS = variable(
    "level",
    "Group level",
    "How deep groups are nested: 0 is a top-level group, 1 a group inside it, and so on.",
    "label_values(gitlab_dora_group_recent_deployments, level)",
    default=["0", "1"],
    several=True,
    numbers=True,
)

OVERVIEW = dashboard(
    OVERVIEW_UID,
    "How often we deploy, how long a change waits for it, whether that gets better or worse, and "
    "where. Deployment frequency and lead time for changes of all groups.",
    [
        _LEVELS,
        tier("gitlab_dora_project_recent_deployments"),
        window("gitlab_dora_project_recent_deployments"),
    ],
    [_SUMMARY, (9, [(24, _GROUPS)]), _TRENDS, heading("All projects"), _WHERE],
)
