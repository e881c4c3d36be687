"""How many series the metrics of projects and groups will have.

As :class:`exporter.metrics.series.SeriesCount` counts them, with the chance that there is something
to show where the model does not tell it: a lead time needs a merge request in its window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from random import Random

from exporter.config import Settings
from exporter.estimate.first_poll import MODELS
from exporter.estimate.model import Estate, Flow, ProjectModel
from exporter.instant import Instant, microseconds
from exporter.metrics.series import OF_BEFORE, OF_CURRENT

_GROUPS = 400
"""Groups that are gone through; they stand for more."""


@dataclass(frozen=True, slots=True)
class _Window:
    """A window that the history covers, ``(begin, end]``, and its series besides percentiles."""

    begin: Instant
    end: Instant
    besides: int


def series(estate: Estate, settings: Settings, since: Instant) -> float:
    """Return the series of projects and groups.

    Args:
        estate: to show.
        settings: say which series there are.
        since: where the history begins.
    """
    windows = _covered(settings, estate.now, since)
    exposed, total = settings.metrics, 0.0
    if "project" in exposed.levels:
        copies = estate.copies(MODELS)
        scale = estate.scope.projects / len(copies) if copies else 0.0
        total += scale * sum(_of([one], estate, settings, windows, since) for one in copies)
    if "group" in exposed.levels and estate.scope.paths:
        groups = estate.scope.paths[:_GROUPS]
        total += (
            estate.scope.groups
            / len(groups)
            * sum(
                _of(_members(path, estate, number), estate, settings, windows, since)
                for number, path in enumerate(groups)
            )
        )
    return total


def _covered(settings: Settings, now: Instant, since: Instant) -> list[_Window]:
    found = []
    for window in settings.windows:
        length = microseconds(window.timedelta)
        for end, besides in ((now, OF_CURRENT), (now - length, OF_BEFORE)):
            if end - length >= since:
                found.append(_Window(end - length, end, besides))
    return found


def _members(path: str, estate: Estate, number: int) -> Sequence[ProjectModel]:
    """Return models of a group's projects: themselves if they are known, else as many others."""
    prefix = f"{path.lower()}/"
    known = [one for one in estate.models if one.project.path.lower().startswith(prefix)]
    if estate.whole:
        return known
    listed = sum(one.path.lower().startswith(prefix) for one in estate.scope.listed)
    size = round(listed * estate.scope.projects / max(1, len(estate.scope.listed)))
    missing = min(max(1, size), MODELS) - len(known)
    if missing <= 0 or not estate.models:
        return known
    return [*known, *Random(number).choices(estate.models, k=missing)]  # noqa: S311 - a sample


def _of(
    members: Sequence[ProjectModel],
    estate: Estate,
    settings: Settings,
    windows: Sequence[_Window],
    since: Instant,
) -> float:
    """Return the series of some projects taken together."""
    total = 0.0
    for tier in settings.metrics.tiers:
        flows = [flow for one in members for flow in one.of_tier(tier)]
        if not flows:
            continue
        total += 2 if any(flow.since(since) >= 0.5 for flow in flows) else 1
        linking = estate.linking_of(tier)
        for window in windows:
            absent = prod(linking.none_of(_linking(flow, window, settings)) for flow in flows)
            total += window.besides + (1 - absent) * len(settings.metrics.percentiles)
    return total


def _linking(flow: Flow, window: _Window, settings: Settings) -> float:
    """Return how many deployments of a window may bring merge requests that count."""
    number = flow.since(window.begin + 1) - flow.since(window.end + 1)
    first = flow.finishes[-1] if flow.finishes and not flow.older else None
    excluded = settings.lead_time.first_deployment == "exclude"
    if excluded and first is not None and window.begin < first <= window.end:
        number -= 1
    return max(0.0, number)
