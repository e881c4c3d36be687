"""Which projects a poll asks about: busy ones always, sleepers within the configured freshness."""

from collections.abc import Collection, Mapping
from datetime import timedelta

from exporter.config import Settings
from exporter.dora.facts import Project
from exporter.instant import Instant, microseconds

BUSY = microseconds(timedelta(days=1))
"""A project is busy for so long after a deployment."""


class Due:
    """Chooses the projects of each poll."""

    def __init__(self, settings: Settings) -> None:
        self._interval = microseconds(settings.poll.interval.timedelta)
        self._announced = settings.webhook.enabled
        self._longest = microseconds(settings.effective_freshness)

    def choose(
        self,
        projects: Collection[Project],
        at: Instant,
        *,
        failing: Collection[int],
        newest: Mapping[int, Instant],
        together: int = 1,
    ) -> list[Project]:
        """Return the projects to ask about.

        Args:
            projects: in scope.
            at: when the poll begins.
            failing: the projects whose last poll failed.
            newest: by project, about when its newest known deployment finished.
            together: how many projects one request can ask about.
        """
        due = [
            one
            for one in projects
            if one.polled_at is None
            or one.id in failing
            or not 0 <= at - one.polled_at < self._longest  # the clock may have been set back
            # The next poll would come too late.
            or at - one.polled_at + self._interval >= self._longest
            or (not self._announced and newest.get(one.id, 0) >= at - BUSY)
        ]
        if not self._announced:
            return due
        # The requests are spent, so those that were asked longest ago come along: otherwise events
        # scatter the projects over the day, and each poll makes a request for a few.
        chosen = {one.id for one in due}
        others = [one for one in projects if one.id not in chosen]
        others.sort(key=lambda one: one.polled_at or 0)
        return due + others[: -len(due) % together]
