"""DORA exporter: its polls, its requests to GitLab, what fails and what is stale."""

from dashboards.generate.fields import (
    BAD,
    COUNT,
    DAY,
    GOOD,
    HOUR,
    MINUTE,
    PER_SECOND,
    POOR,
    REQUESTS_PER_SECOND,
    SECONDS,
    SHOWN_OR_WITHHELD,
    TEXT,
    UP_OR_DOWN,
    override,
    thresholds,
)
from dashboards.generate.frame import EXPORTER_UID, dashboard, variable
from dashboards.generate.panels import Row, bar_gauge, graph, now, over_time, stat, table
from dashboards.generate.queries import age, largest, series

_INSTANCE = 'instance=~"$instance"'


def _own(metric: str) -> str:
    return series(f"exporter_{metric}", _INSTANCE)


_POLL_AGE = age(largest(_own("last_poll_success_timestamp_seconds"), "instance"))
# Those that only follow tell the same number.
_POLLING_STALE = f"{_own('stale_projects')} and on (job, instance) {_own('leader')} == 1"
_NO_TROUBLE = thresholds((GOOD, 0), (POOR, 1))
_FRESHNESS = thresholds((GOOD, 0), (POOR, 15 * MINUTE), (BAD, HOUR))

_STATE: Row = (
    4,
    [
        (
            3,
            stat(
                "GitLab",
                "Up if the last poll could read at least one project from GitLab.",
                now(f"min({_own('up')})"),
                unit=TEXT,
                thresholds=thresholds((BAD, 0), (GOOD, 1)),
                mappings=UP_OR_DOWN,
                no_value="no poll known",
            ),
        ),
        (
            3,
            stat(
                "Last complete poll, ago",
                "Time since the start of the last complete poll, which is where the trailing "
                "windows end. Polls come every 5 minutes unless configured otherwise.",
                now(f"max({_POLL_AGE})"),
                unit=SECONDS,
                decimals=1,
                thresholds=_FRESHNESS,
                no_value="no poll known",
            ),
        ),
        (
            3,
            stat(
                "Last poll took",
                "Duration of the last poll. It should stay below the interval of the polls.",
                now(f"max({_own('poll_duration_seconds')})"),
                unit=SECONDS,
                decimals=1,
                thresholds=thresholds((GOOD, 0), (POOR, 5 * MINUTE), (BAD, 30 * MINUTE)),
                no_value="no poll known",
            ),
        ),
        (
            3,
            stat(
                "Stale projects",
                "Projects in scope that could not be read when last asked about, or not for longer "
                "than allowed: their values are older, or missing.",
                now(f"sum({_POLLING_STALE})"),
                unit=COUNT,
                thresholds=_NO_TROUBLE,
            ),
        ),
        (
            3,
            stat(
                "Projects in scope",
                "Projects that the exporter polls.",
                now(
                    f"count({largest(_own('project_poll_errors_total'), 'project_id')}) "
                    f"or 0 * max({_own('build_info')})"
                ),
                unit=COUNT,
            ),
        ),
        (
            3,
            stat(
                "Rate limit remaining",
                "Requests left in GitLab's rate limit, as its last answer said. Some instances "
                "have no limit, or do not tell.",
                now(f"min({_own('gitlab_rate_limit_remaining')})"),
                unit=COUNT,
                thresholds=thresholds((BAD, 0), (POOR, 50), (GOOD, 200)),
                no_value="not told",
            ),
        ),
        (
            3,
            stat(
                "Polls GitLab",
                "How many exporters poll, of those that run: one of all that share a PostgreSQL.",
                now(f"sum({_own('leader')})"),
                unit=COUNT,
                thresholds=thresholds((BAD, 0), (GOOD, 1)),
            ),
        ),
        (
            3,
            stat(
                "Version",
                "The exporter that runs.",
                now(
                    largest(_own("build_info"), "version", "python_version"),
                    "{{version}} (Python {{python_version}})",
                ),
                unit=TEXT,
                text_mode="name",
            ),
        ),
    ],
)

_REQUESTS = _own("gitlab_requests_total")

_POLLS: Row = (
    8,
    [
        (
            8,
            graph(
                "Time since the last complete poll",
                "A saw-tooth as high as the interval of the polls when all is well; a slope when "
                "polls fail or hang.",
                [over_time(_POLL_AGE, "{{instance}}", "15s")],
                unit=SECONDS,
                decimals=1,
                step="15s",
            ),
        ),
        (
            8,
            graph(
                "Duration of polls",
                "How long polls took. The first one reads months and takes longest.",
                [
                    over_time(
                        largest(_own("poll_duration_seconds"), "instance"), "{{instance}}", "15s"
                    )
                ],
                unit=SECONDS,
                decimals=1,
                step="15s",
            ),
        ),
        (
            8,
            graph(
                "Stale projects over time",
                "Projects in scope that a poll could not read.",
                [over_time(largest(_own("stale_projects"), "instance"), "{{instance}}", "15s")],
                unit=COUNT,
                decimals=0,
                step="15s",
            ),
        ),
    ],
)

_BUDGET: Row = (
    9,
    [
        (
            8,
            graph(
                "Requests to GitLab by status",
                "Requests per second by HTTP status, or error where no answer came.",
                [
                    over_time(
                        f"sum by (code) (rate({_REQUESTS}[$__rate_interval]))", "{{code}}", "1m"
                    )
                ],
                unit=REQUESTS_PER_SECOND,
                step="1m",
            ),
        ),
        (
            8,
            graph(
                "Requests to GitLab by endpoint",
                "Requests per second by endpoint of GitLab's API.",
                [
                    over_time(
                        f"sum by (endpoint) (rate({_REQUESTS}[$__rate_interval]))",
                        "{{endpoint}}",
                        "1m",
                    )
                ],
                unit=REQUESTS_PER_SECOND,
                step="1m",
            ),
        ),
        (
            8,
            graph(
                "Rate limit remaining over time",
                "Requests left in GitLab's rate limit; nothing where GitLab does not tell.",
                [
                    over_time(
                        largest(_own("gitlab_rate_limit_remaining"), "instance"),
                        "{{instance}}",
                        "15s",
                    )
                ],
                unit=COUNT,
                decimals=0,
                step="15s",
                no_value="not told",
            ),
        ),
    ],
)

_TROUBLE: Row = (
    9,
    [
        (
            12,
            bar_gauge(
                "Failed polls by project",
                "Polls of a project that failed within the time range, the first 12 projects; a "
                "failing project keeps its last values.",
                now(
                    "sort_desc(topk(12, sum by (project) "
                    f"(increase({_own('project_poll_errors_total')}[$__range]))))",
                    "{{project}}",
                ),
                unit=COUNT,
                decimals=0,
                thresholds=_NO_TROUBLE,
            ),
        ),
        (
            12,
            table(
                "Requests to GitLab",
                "Requests within the time range, and since the exporter started.",
                [
                    (
                        "In the time range",
                        f"sum by (endpoint, code) (increase({_REQUESTS}[$__range]))",
                    ),
                    ("Since the start", f"sum by (endpoint, code) ({_REQUESTS})"),
                ],
                by=[("endpoint", "Endpoint"), ("code", "Status")],
                sort_by="In the time range",
                descending=True,
                overrides=[
                    override("Endpoint", custom__width=380),
                    override("In the time range", decimals=0),
                    override("Since the start", decimals=0),
                ],
            ),
        ),
    ],
)

_EVENTS: Row = (
    7,
    [
        (
            6,
            graph(
                "Merge requests linked to deployments",
                "Links stored per second by who found them: GitLab, or a comparison of commits "
                "where lead_time.missing_links is compare.",
                [
                    over_time(
                        f"sum by (method) (rate({_own('links_total')}[$__rate_interval]))",
                        "{{method}}",
                        "1m",
                    )
                ],
                unit=PER_SECOND,
                step="1m",
                no_value="no links",
            ),
        ),
        (
            5,
            graph(
                "Deployment events of GitLab by outcome",
                "Events per second that came to /webhook: accepted ones have their project polled "
                "at once. Many malformed or unauthorized ones mean a webhook that is set up "
                "wrongly, or a stranger.",
                [
                    over_time(
                        "sum by (outcome) "
                        f"(rate({_own('webhook_events_total')}[$__rate_interval]))",
                        "{{outcome}}",
                        "1m",
                    )
                ],
                unit=PER_SECOND,
                step="1m",
                no_value="no webhook",
            ),
        ),
        (
            5,
            graph(
                "Series of projects and groups",
                "How many series the metrics of projects and groups have, or would have. Above "
                "metrics.max_series all of them are withheld.",
                [over_time(largest(_own("series"), "instance"), "{{instance}}", "15s")],
                unit=COUNT,
                decimals=0,
                step="15s",
            ),
        ),
        (
            4,
            stat(
                "Metrics of projects and groups",
                "Withheld, all of them, where they would have more series than metrics.max_series.",
                now(f"max({_own('series_limit_exceeded')})"),
                unit=TEXT,
                thresholds=thresholds((GOOD, 0), (BAD, 1)),
                mappings=SHOWN_OR_WITHHELD,
            ),
        ),
        (
            4,
            stat(
                "Token expires in",
                "Time left to the first expiry of the exporters' tokens for GitLab. Some tokens "
                "never expire, and some instances do not tell.",
                now(f"min({_own('token_expiry_timestamp_seconds')}) - time()"),
                unit=SECONDS,
                decimals=1,
                thresholds=thresholds((BAD, 0), (POOR, 3 * DAY), (GOOD, 14 * DAY)),
                no_value="not told",
            ),
        ),
    ],
)

EXPORTER = dashboard(
    EXPORTER_UID,
    "Whether the numbers on the other dashboards can be trusted: how the exporter's polls go, what "
    "they cost GitLab, and what fails.",
    [
        variable(
            "instance",
            "Instance",
            "The exporters, as Prometheus names them.",
            "label_values(gitlab_dora_exporter_build_info, instance)",
            all_by_default=True,
            several=True,
        ),
    ],
    [_STATE, _POLLS, _BUDGET, _TROUBLE, _EVENTS],
    since="now-24h",
)
