"""The values of one project or group at many moments, each as if the last poll had begun then.

The rules are those of :mod:`exporter.metrics.snapshot`, seen from an earlier moment: windows end
there, what the stored history does not cover then is missing, and a project that GitLab has not
let us read since keeps its values. Environments count for the tier that they have today, and the
scope is today's, because the store keeps no older ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporter.config import Duration, Level, Settings
from exporter.dora.arithmetic import Period, Timeline, trailing
from exporter.dora.facts import Group, Project
from exporter.dora.tiers import TIERS
from exporter.instant import Instant, microseconds
from exporter.ledger import View

Column = Sequence[Period | None]


@dataclass(frozen=True, slots=True)
class Columns:
    """The numbers of one project or group in one tier, an element for each of ``instants``.

    ``deployments_total`` ends at the stored counter. ``last_deployment`` is None where nothing is
    stored. ``current`` and ``before`` hold the trailing windows and the ones before, by the window
    as the configuration writes it, with None where the history does not cover one.
    """

    tier: str
    instants: Sequence[Instant]
    deployments_total: Sequence[int]
    last_deployment: Sequence[Instant | None]
    current: Mapping[str, Column]
    before: Mapping[str, Column]


def columns(
    view: View,
    container: Project | Group,
    instants: Sequence[Instant],
    settings: Settings,
) -> Iterator[Columns]:
    """Compute the values of one project or group, tier by tier.

    Args:
        view: the stored history, which had a complete poll.
        container: whose values.
        instants: ascending; the last one is the last poll.
        settings: which windows, levels, tiers and percentiles are wanted.
    """
    kind: Level = "project" if isinstance(container, Project) else "group"
    exposed = settings.metrics
    if kind not in exposed.levels:
        return
    covered_since = view.covered_since(container)
    polled_at = container.polled_at if isinstance(container, Project) else view.polled_at
    if polled_at is None:
        return
    if covered_since is None:
        known = [one for one in instants if one == view.polled_at]
    else:
        known = [one for one in instants if one > covered_since or one == view.polled_at]
    if not known:
        return
    ends = [min(one, polled_at) for one in known]
    tiers = view.tiers_of(container)
    counted = {tier for tier in TIERS if (kind, container.id, tier) in view.counters}
    for tier in sorted((tiers | counted).intersection(exposed.tiers)):
        total = view.counters.get((kind, container.id, tier), 0)
        if tier not in tiers or covered_since is None:
            # What was counted for a tier that no environment has any more cannot be dated.
            yield Columns(tier, known, [total] * len(known), [None] * len(known), {}, {})
            continue
        timeline = view.timeline(container, [tier], keep=False)
        finished = timeline.finished
        until = [int(finished.searchsorted(end, "right")) for end in ends]
        current: dict[str, Column] = {}
        before: dict[str, Column] = {}
        for window in settings.windows:
            at = _periods(view, timeline, window, covered_since, exposed.percentiles)
            length = microseconds(window.timedelta)
            current[window.text] = [at(end) for end in ends]
            before[window.text] = [at(end - length) for end in ends]
        yield Columns(
            tier,
            known,
            # Environments that change their tier take their history along, but never a count.
            [max(total - (len(finished) - number), 0) for number in until],
            [int(finished[number - 1]) if number else None for number in until],
            current,
            before,
        )


def _periods(
    view: View,
    timeline: Timeline,
    window: Duration,
    covered_since: Instant,
    percentiles: Sequence[int],
) -> Callable[[Instant], Period | None]:
    """Return what tells the window that ends at an instant, computed once for each.

    The window before that of one day is the trailing window of an earlier day.
    """
    found: dict[Instant, Period | None] = {}

    def at(end: Instant) -> Period | None:
        if end not in found:
            found[end] = trailing(
                timeline,
                window.timedelta,
                end=end,
                covered_since=covered_since,
                rules=view.rules,
                percentiles=percentiles,
            )
        return found[end]

    return at
