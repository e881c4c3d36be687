"""Every metric family: its name, type, labels and what it means.

The project families and the group families are the same nine. They live under different names
because a group's numbers contain those of its projects and subgroups: no sum may count twice.
"""

from dataclasses import dataclass
from typing import Literal

PROJECT_LABELS = ("project_id", "project", "group", "environment_tier")
GROUP_LABELS = ("group_id", "group", "level", "environment_tier")

_ROUND = "Computed at each poll of GitLab, not at the scrape."


@dataclass(frozen=True, slots=True)
class Family:
    """One metric family. ``labels`` lists all of its labels in the order of the exposition."""

    name: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Families:
    """The nine families of one level."""

    deployments_total: Family
    recent_deployments: Family
    deployment_frequency: Family
    lead_time: Family
    lead_time_merge_requests: Family
    last_deployment: Family
    previous_deployments: Family
    previous_lead_time: Family
    previous_lead_time_merge_requests: Family

    def all(self) -> tuple[Family, ...]:
        """Return them in the order of the exposition."""
        return tuple(getattr(self, name) for name in self.__slots__)


def _families(level: str, labels: tuple[str, ...], of: str) -> Families:
    prefix = f"gitlab_dora_{level}"
    windowed = (*labels, "window")
    percentiled = (*windowed, "percentile")
    trailing = "in the trailing window, which ends at the last poll"
    before = "in the window before the trailing one; absent while the stored history is too short"
    return Families(
        deployments_total=Family(
            f"{prefix}_deployments_total",
            "counter",
            labels,
            f"Successful deployments of {of} seen so far. It never falls: not over restarts, nor "
            "when old deployments leave the store. For counts per window prefer "
            f"{prefix}_recent_deployments.",
        ),
        recent_deployments=Family(
            f"{prefix}_recent_deployments",
            "gauge",
            windowed,
            f"Successful deployments of {of} {trailing}. {_ROUND}",
        ),
        deployment_frequency=Family(
            f"{prefix}_deployment_frequency",
            "gauge",
            windowed,
            f"Successful deployments of {of} per day {trailing}. {_ROUND}",
        ),
        lead_time=Family(
            f"{prefix}_lead_time_for_changes_seconds",
            "gauge",
            percentiled,
            f"Time from merge to deployment of the merge requests of {of} deployed {trailing}, "
            f"as 50th, 75th or 95th percentile; absent when none was. {_ROUND}",
        ),
        lead_time_merge_requests=Family(
            f"{prefix}_lead_time_for_changes_merge_requests",
            "gauge",
            windowed,
            f"Merge requests of {of} behind the lead time {trailing}: distrust few. {_ROUND}",
        ),
        last_deployment=Family(
            f"{prefix}_last_deployment_timestamp_seconds",
            "gauge",
            labels,
            f"When the last successful deployment of {of} finished, in Unix time; absent when "
            "none is stored.",
        ),
        previous_deployments=Family(
            f"{prefix}_previous_deployments",
            "gauge",
            windowed,
            f"Successful deployments of {of} {before}. {_ROUND}",
        ),
        previous_lead_time=Family(
            f"{prefix}_previous_lead_time_for_changes_seconds",
            "gauge",
            percentiled,
            f"Time from merge to deployment of the merge requests of {of} deployed {before}, "
            f"as 50th, 75th or 95th percentile. {_ROUND}",
        ),
        previous_lead_time_merge_requests=Family(
            f"{prefix}_previous_lead_time_for_changes_merge_requests",
            "gauge",
            windowed,
            f"Merge requests of {of} behind the lead time {before}. {_ROUND}",
        ),
    )


PROJECT = _families("project", PROJECT_LABELS, "a project in one environment tier")
GROUP = _families(
    "group",
    GROUP_LABELS,
    "all projects of a group and its subgroups (sum only within one level) in one environment tier",
)

BUILD_INFO = Family(
    "gitlab_dora_exporter_build_info",
    "gauge",
    ("version", "python_version"),
    "Always 1; the labels tell which exporter runs.",
)
LEADER = Family(
    "gitlab_dora_exporter_leader",
    "gauge",
    (),
    "1 if this exporter polls GitLab, 0 if another on the same PostgreSQL does and this one shows "
    "what it stores.",
)
UP = Family(
    "gitlab_dora_exporter_up",
    "gauge",
    (),
    "1 if the last poll could read at least one project from GitLab, else 0.",
)
LAST_POLL = Family(
    "gitlab_dora_exporter_last_poll_success_timestamp_seconds",
    "gauge",
    (),
    "Start of the last complete poll in Unix time: where the trailing windows end.",
)
POLL_DURATION = Family(
    "gitlab_dora_exporter_poll_duration_seconds",
    "gauge",
    (),
    "How long the last poll took.",
)
POLL_ERRORS = Family(
    "gitlab_dora_exporter_project_poll_errors_total",
    "counter",
    ("project_id", "project", "group"),
    "Polls of a project that failed since the exporter started; its gauges then stay as they were.",
)
LINKED = Family(
    "gitlab_dora_exporter_linked_deployments_ratio",
    "gauge",
    ("project_id", "project", "group", "window"),
    "Share of a project's deployments to production, 0 to 1, that have a merge request, whoever "
    "wrote it, in the longest trailing window that the history covers; absent when nothing was "
    "deployed. Where it is low, "
    f"GitLab links few of them: see lead_time.missing_links. {_ROUND}",
)
REQUESTS = Family(
    "gitlab_dora_exporter_gitlab_requests_total",
    "counter",
    ("endpoint", "code"),
    "Requests to GitLab since the exporter started; code is the HTTP status, or error for none.",
)
RATE_LIMIT_REMAINING = Family(
    "gitlab_dora_exporter_gitlab_rate_limit_remaining",
    "gauge",
    (),
    "Requests left in GitLab's rate limit, as its last answer said; absent if it says nothing, or "
    "if this exporter does not poll.",
)
TOKEN_EXPIRY = Family(
    "gitlab_dora_exporter_token_expiry_timestamp_seconds",
    "gauge",
    (),
    "When the token for GitLab expires in Unix time; absent if it does not, if GitLab does not "
    "tell, or if this exporter does not poll.",
)
STALE_PROJECTS = Family(
    "gitlab_dora_exporter_stale_projects",
    "gauge",
    (),
    "Projects in scope that GitLab could not be read for when last asked, or not for longer than"
    " poll.freshness allows: their values are older, or missing.",
)
LINKS = Family(
    "gitlab_dora_exporter_links_total",
    "counter",
    ("method",),
    "Merge requests that were linked to deployments since the exporter started, by who found them: "
    "gitlab, or compare (lead_time.missing_links).",
)
WEBHOOK_EVENTS = Family(
    "gitlab_dora_exporter_webhook_events_total",
    "counter",
    ("outcome",),
    "Events that came to /webhook since the exporter started: accepted (their project is polled), "
    "replayed, ignored (no success, or not in scope), malformed or unauthorized.",
)
SERIES = Family(
    "gitlab_dora_exporter_series",
    "gauge",
    (),
    "Series that the metrics of projects and groups have, or would have if their number were not "
    "over the limit (metrics.max_series).",
)
SERIES_LIMIT_EXCEEDED = Family(
    "gitlab_dora_exporter_series_limit_exceeded",
    "gauge",
    (),
    "1 if the metrics of projects and groups are withheld, all of them, because they would have "
    "more series than metrics.max_series, else 0.",
)

OWN = (
    BUILD_INFO,
    LEADER,
    UP,
    LAST_POLL,
    POLL_DURATION,
    POLL_ERRORS,
    LINKED,
    REQUESTS,
    RATE_LIMIT_REMAINING,
    TOKEN_EXPIRY,
    STALE_PROJECTS,
    LINKS,
    WEBHOOK_EVENTS,
    SERIES,
    SERIES_LIMIT_EXCEEDED,
)
EVERY = (*PROJECT.all(), *GROUP.all(), *OWN)
"""All families of the exposition, but for those of the process and of Python."""
