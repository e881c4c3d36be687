"""Events on their way from the exporter that hears them to the one that polls.

GitLab's call reaches any of the exporters that share a database, and must not wait for it. So an
event is noted here, a turn later in the store, and there it stays until the exporter that polls has
dealt with it: one that is killed before leaves it to the next.
"""

from collections import defaultdict
from threading import Lock

from exporter.clock import Clock
from exporter.instant import Instant
from exporter.poller.named import MOST_DEPLOYMENTS, NamedProjects
from exporter.store import Told
from exporter.store.events import EventStore


class Relay:
    """Passes events on; safe to use from several threads."""

    def __init__(self, events: EventStore, clock: Clock) -> None:
        self._events = events
        self._clock = clock
        self._lock = Lock()
        self._heard: dict[int, set[Told]] = defaultdict(set)
        self._delivered: dict[Told, Instant] = {}

    def add(self, project_id: int, *, deployment_id: int | None, environment: str | None) -> None:
        """Note that a project has news. Nothing here takes time, or waits for the store."""
        with self._lock:
            heard = self._heard[project_id]
            if len(heard) >= MOST_DEPLOYMENTS:
                heard.clear()  # one for all of them, which cannot be looked for one by one
                deployment_id = environment = None
            heard.add(Told(project_id, deployment_id, environment))

    def send(self) -> None:
        """Pass on what was heard; if that fails, it is kept for the next time."""
        with self._lock:
            heard, self._heard = self._heard, defaultdict(set)
        if not heard:
            return
        try:
            self._events.tell(set().union(*heard.values()), at=self._clock.now())
        except Exception:
            with self._lock:
                for project_id, told in heard.items():
                    self._heard[project_id] |= told
            raise

    def deliver(self, named: NamedProjects) -> None:
        """Have the projects polled that events named, and drop the events that led to a poll."""
        waiting = self._events.waiting()
        for one, at in waiting.items():
            if self._delivered.get(one) != at:
                named.add(
                    one.project_id, deployment_id=one.deployment_id, environment=one.environment
                )
        pending = named.pending()
        done = {one: at for one, at in waiting.items() if one.project_id not in pending}
        if done:
            self._events.forget(done)
        self._delivered = {one: at for one, at in waiting.items() if one not in done}

    def begin_anew(self) -> None:
        """Deliver from now on to somebody who knows of no event yet."""
        self._delivered = {}
