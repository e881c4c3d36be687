"""The moments that get values: the end of each day of the stored history, and the last poll."""

from datetime import timedelta

from exporter.dora.calendar import day_begins, day_of
from exporter.dora.facts import Group, Project
from exporter.instant import Instant
from exporter.ledger import View


def instants(view: View) -> list[Instant]:
    """Return them in ascending order; none before the first complete poll.

    A day ends with the first instant of the next one, in the timezone of the rules.
    """
    if view.polled_at is None:
        return []
    containers: list[Project | Group] = [*view.scope.projects, *view.scope.groups]
    begins = [view.covered_since(one) for one in containers]
    known = [begin for begin in begins if begin is not None]
    zone = view.rules.zone
    found = []
    day = day_of(min(known, default=view.polled_at), zone)
    while (end := day_begins(day + timedelta(days=1), zone)) < view.polled_at:
        found.append(end)
        day += timedelta(days=1)
    return [*found, view.polled_at]
