"""DORA group: its projects ranked, and who moved most."""

from dashboards.generate.comparison import (
    BEFORE,
    LEAD_TIME,
    MERGE_REQUESTS,
    column_overrides,
    columns,
    headline,
    lead_time_graph,
    merge_requests_graph,
    percentile,
)
from dashboards.generate.explain import EXPORTER_URL, explain_links
from dashboards.generate.fields import (
    FREQUENCY_LEVELS,
    LEAD_TIME_LEVELS,
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
    PROJECT_UID,
    dashboard,
    tier,
    variable,
    window,
)
from dashboards.generate.panels import Row, bar_gauge, graph, heading, now, over_time, table
from dashboards.generate.queries import TIER, WINDOW, change, held, largest, series

_MOVERS = 8


def _group(metric: str, *matchers: str) -> str:
    return series(f"group_{metric}", 'group="$group"', TIER, *matchers)


def _projects(metric: str, *matchers: str) -> str:
    return series(f"project_{metric}", 'group=~"$group(/.*)?"', TIER, *matchers)


def _link_to_project(project: str) -> Json:
    return link(
        "This project",
        PROJECT_UID,
        group="${group}",
        project=project,
        environment_tier="${environment_tier}",
        window="${window}",
        exporter="${exporter}",
    )


def _ranked(metric: str, *matchers: str) -> Json:
    ranked = largest(_projects(metric, WINDOW, *matchers), "project")
    return now(f"sort_desc(topk(15, {ranked}))", "{{project}}")


_RANKS: Row = (
    9,
    [
        (
            12,
            bar_gauge(
                "Projects that deploy most often",
                f"Deployments per day in the window, the first 15 projects. {LEVELS_OF_FREQUENCY}",
                _ranked("deployment_frequency"),
                unit=PER_DAY,
                decimals=2,
                thresholds=FREQUENCY_LEVELS,
                links=[_link_to_project("${__field.labels.project}")],
            ),
        ),
        (
            12,
            bar_gauge(
                "Projects whose changes wait longest",
                "Median lead time for changes in the window, the first 15 projects. "
                f"{LEVELS_OF_LEAD_TIME}",
                _ranked(LEAD_TIME, percentile(50)),
                unit=SECONDS,
                decimals=1,
                thresholds=LEAD_TIME_LEVELS,
                no_value="no changes",
                links=[_link_to_project("${__field.labels.project}")],
            ),
        ),
    ],
)


def _movers(
    title: str,
    description: str,
    *,
    before: str,
    current: str,
    merge_requests: bool,
    levels: Json,
) -> Json:
    moved = change(current, before)
    most = f"topk({_MOVERS}, abs({moved}))"
    found = [
        ("Before", f"{before} and {most}"),
        ("Now", f"{current} and {most}"),
        ("Change", f"{moved} and {most}"),
    ]
    if merge_requests:
        behind = [
            largest(_projects(name, WINDOW), "project")
            for name in (BEFORE + MERGE_REQUESTS, MERGE_REQUESTS)
        ]
        found += [
            ("Merge requests before", f"{behind[0]} and {most}"),
            ("Merge requests", f"{behind[1]} and {most}"),
        ]
    unit = {"unit": SECONDS, "decimals": 1} if merge_requests else {"decimals": 0}
    return table(
        title,
        description,
        found,
        by=[("project", "Project")],
        sort_by="Change",
        descending=True,
        overrides=[
            override("Project", links=[_link_to_project("${__value.raw}")], custom__width=260),
            override("Before", **unit),
            override("Now", **unit),
            override(
                "Change",
                unit=SHARE,
                decimals=0,
                thresholds=levels,
                custom__displayMode="color-text",
            ),
        ],
    )


_WHO_MOVED: Row = (
    8,
    [
        (
            11,
            _movers(
                "Deployments: who moved most",
                f"The {_MOVERS} projects whose number of deployments changed by the largest share "
                "against the window before; projects without any before are left out.",
                before=largest(_projects(f"{BEFORE}deployments", WINDOW), "project"),
                current=largest(_projects("recent_deployments", WINDOW), "project"),
                merge_requests=False,
                levels=MORE_IS_BETTER,
            ),
        ),
        (
            13,
            _movers(
                "Lead time: who moved most",
                f"The {_MOVERS} projects whose median lead time changed by the largest share "
                "against the window before. Distrust changes over few merge requests.",
                before=largest(_projects(BEFORE + LEAD_TIME, WINDOW, percentile(50)), "project"),
                current=largest(_projects(LEAD_TIME, WINDOW, percentile(50)), "project"),
                merge_requests=True,
                levels=LESS_IS_BETTER,
            ),
        ),
    ],
)

_ALL_PROJECTS = table(
    "Projects",
    "All projects of the group and its subgroups. Changes are against the window before; the id is "
    "what the JSON API takes. "
    f"{LEVELS_OF_FREQUENCY} Lead time: elite below a day, high below a week, medium below 30 days.",
    columns(_projects, "project", "project_id"),
    by=[("project", "Project"), ("project_id", "Id")],
    sort_by="Deployments",
    descending=True,
    overrides=[
        override("Project", links=[_link_to_project("${__value.raw}")], custom__width=300),
        override("Id", custom__width=80, unit="none"),
        *column_overrides(),
    ],
)

_TRENDS: Row = (
    9,
    [
        (
            12,
            graph(
                "Deployments in the window",
                "Successful deployments of the group in the trailing window, and in the window "
                "before it.",
                [
                    over_time(held(_group("recent_deployments", WINDOW)), "Window"),
                    over_time(held(_group(f"{BEFORE}deployments", WINDOW)), "Window before"),
                ],
                unit="short",
                decimals=0,
            ),
        ),
        (12, lead_time_graph(_group)),
    ],
)

_PROJECT_TRENDS: Row = (
    9,
    [
        (
            12,
            graph(
                "Deployments per day by project",
                "Per day over the trailing window, for the 15 projects that deploy most often.",
                [
                    over_time(
                        "topk(15, "
                        + held(_projects("deployment_frequency", WINDOW), "project")
                        + ")",
                        "{{project}}",
                    )
                ],
                unit=PER_DAY,
                decimals=2,
                legend="right",
                links=[_link_to_project("${__field.labels.project}")],
            ),
        ),
        (12, merge_requests_graph(_group)),
    ],
)

GROUP = dashboard(
    GROUP_UID,
    "One group with all projects below it, subgroups included: who deploys how often, whose "
    "changes wait, and who moved most.",
    [
        variable(
            "group",
            "Group",
            "The group, with its subgroups.",
            "label_values(gitlab_dora_group_recent_deployments, group)",
        ),
        tier('gitlab_dora_group_recent_deployments{group="$group"}'),
        window('gitlab_dora_group_recent_deployments{group="$group"}'),
        EXPORTER_URL,
    ],
    [
        headline(_group, "the group"),
        _RANKS,
        _WHO_MOVED,
        heading("All projects"),
        (10, [(24, _ALL_PROJECTS)]),
        heading("Over time"),
        _TRENDS,
        _PROJECT_TRENDS,
    ],
    links=explain_links("group"),
)
