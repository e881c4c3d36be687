"""All values at one poll, computed from the store and then never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exporter.config import Level, Settings
from exporter.dora.arithmetic import Authors, Period, Timeline, linked_share, previous, trailing
from exporter.dora.facts import Group, Project
from exporter.dora.tiers import TIERS
from exporter.instant import Instant, microseconds
from exporter.ledger import View


@dataclass(frozen=True, slots=True)
class Row:
    """The numbers of one project or group in one tier.

    ``last_deployment`` is None where nothing is stored. ``current`` and ``before`` hold the
    trailing windows and the ones before, by the window as the configuration writes it; those that
    the history does not cover are missing. ``linked`` has, for production environments of projects,
    the share of deployments with merge requests in the longest window of these.
    """

    tier: str
    deployments_total: int
    last_deployment: Instant | None
    current: Mapping[str, Period]
    before: Mapping[str, Period]
    linked: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The values that a scrape shows, as of the poll that began at ``polled_at``.

    All projects and groups in scope are there, also those without numbers; before the first
    complete poll none has any.
    """

    polled_at: Instant | None
    projects: Sequence[tuple[Project, Sequence[Row]]]
    groups: Sequence[tuple[Group, Sequence[Row]]]


def take_snapshot(view: View, settings: Settings) -> Snapshot:
    """Compute all values of a view that ``windows`` and ``metrics`` want."""
    return Snapshot(
        view.polled_at,
        [(one, numbers_of(view, one, one.polled_at, settings)) for one in view.scope.projects],
        [(one, numbers_of(view, one, view.polled_at, settings)) for one in view.scope.groups],
    )


def numbers_of(
    view: View, container: Project | Group, end: Instant | None, settings: Settings
) -> list[Row]:
    """Compute the rows of a project or group, with windows that end at an instant."""
    kind: Level = "project" if isinstance(container, Project) else "group"
    exposed = settings.metrics
    if end is None or kind not in exposed.levels:
        return []
    covered_since = view.covered_since(container)
    tiers = view.tiers_of(container)
    counted = {tier for tier in TIERS if (kind, container.id, tier) in view.counters}
    rows = []
    for tier in sorted((tiers | counted).intersection(exposed.tiers)):
        total = view.counters.get((kind, container.id, tier), 0)
        if tier not in tiers or covered_since is None:
            # Environments that change their tier take their history along, but never a count.
            rows.append(Row(tier, total, None, {}, {}))
            continue
        timeline = view.timeline(container, [tier], keep=False)
        current: dict[str, Period] = {}
        before: dict[str, Period] = {}
        for window in settings.windows:
            for periods, compute in ((current, trailing), (before, previous)):
                period = compute(
                    timeline,
                    window.timedelta,
                    end=end,
                    covered_since=covered_since,
                    rules=view.rules,
                    percentiles=exposed.percentiles,
                )
                if period is not None:
                    periods[window.text] = period
        last = int(timeline.finished[-1]) if len(timeline.finished) else None
        linked = {}
        if kind == "project" and tier == "production":
            everybody = timeline
            if view.rules.excluded_authors:
                everybody = view.timeline(container, [tier], authors=Authors.ALL, keep=False)
            linked = _linked(everybody, settings, end, covered_since)
        rows.append(Row(tier, total, last, current, before, linked))
    return rows


def _linked(
    timeline: Timeline, settings: Settings, end: Instant, covered_since: Instant
) -> dict[str, float]:
    for window in sorted(settings.windows, key=lambda one: one.seconds, reverse=True):
        if end - microseconds(window.timedelta) >= covered_since:
            share = linked_share(timeline, window.timedelta, end=end)
            return {} if share is None else {window.text: share}
    return {}
