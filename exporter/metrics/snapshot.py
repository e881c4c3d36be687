"""All values at one poll, computed from the store and then never changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exporter.config import Level, Settings
from exporter.dora.arithmetic import Period, previous, trailing
from exporter.dora.facts import Group, Project
from exporter.dora.tiers import TIERS
from exporter.instant import Instant
from exporter.ledger import View


@dataclass(frozen=True, slots=True)
class Row:
    """The numbers of one project or group in one tier.

    ``last_deployment`` is None where nothing is stored. ``current`` and ``before`` hold the
    trailing windows and the ones before, by the window as the configuration writes it; those that
    the history does not cover are missing.
    """

    tier: str
    deployments_total: int
    last_deployment: Instant | None
    current: Mapping[str, Period]
    before: Mapping[str, Period]


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
        rows.append(Row(tier, total, last, current, before))
    return rows
