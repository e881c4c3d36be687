"""One of several exporters on a database: it polls while it leads, and follows the leader else.

It takes turns with itself, a second apart or less (:mod:`exporter.store.rhythm`): asks for the lead
or looks whether it still has it, shows what the leader published, and passes events on. What is
read again to follow are only the projects that changed (:mod:`exporter.store.revisions`).

A leader that lost the lead begins no request to GitLab any more as soon as its next turn tells it
so. Who succeeds it waits for longer than that, unless the one before is known to have ended, so
that no two poll side by side. Then it goes on where the other stopped: the next poll comes when it
would have come, which is some seconds before the interval is over. Those are for a take-over: also
where the leader is killed just before it polls, no interval passes without the begin of a poll.

A SQLite file has one exporter, which always leads and takes no turns.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread

from exporter.clock import Clock
from exporter.instant import MICROSECONDS, Instant, microseconds
from exporter.logs import fields
from exporter.poller.named import NamedProjects
from exporter.poller.relay import Relay
from exporter.poller.status import Status
from exporter.store import LostLeadError, Standing, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Beginning:
    """When a leader may begin, in seconds: any poll, and the next one of all that is due."""

    earliest: float = 0.0
    poll: float = 0.0


@dataclass(frozen=True, slots=True)
class Duties:
    """What the exporter does when its part changes.

    ``take_over`` makes polls begin and returns what polls named projects; ``step_down`` makes them
    end, and says whether all have; ``show`` shows what is stored.
    """

    take_over: Callable[[Beginning], NamedProjects]
    step_down: Callable[[], bool]
    show: Callable[[], None]


class Replica:
    """This exporter's part among those that share its store."""

    def __init__(
        self,
        store: Store,
        status: Status,
        duties: Duties,
        *,
        clock: Clock,
        stop: Event,
        interval: timedelta,
    ) -> None:
        """Take part from the first turn on.

        Args:
            store: which may be shared with others.
            status: of the polls.
            duties: what to do.
            clock: tells what is due.
            stop: ends it.
            interval: of the polls.
        """
        self._store = store
        self._status = status
        self._duties = duties
        self._clock = clock
        self._stop = stop
        self._rhythm = store.rhythm
        self.interval = interval
        """From the begin of a poll to that of the next."""
        if store.shared:
            self.interval -= timedelta(seconds=store.rhythm.reserve)
        self.relay = Relay(store.events, clock)
        self._thread = Thread(target=self._run, name="replica", daemon=True)
        # A turn may take long, as where much is to be shown, and the lead must not be lost by it.
        self._heart = Thread(target=self._beat, name="heartbeat", daemon=True)
        self._began: Instant | None = None
        self._issue: int | None = None
        self._term: int | None = None
        self._named: NamedProjects | None = None
        self._troubled = False
        status.lead(leads=not store.shared)

    @property
    def leads(self) -> bool:
        """Whether this exporter polls."""
        return not self._store.shared or self._term is not None

    def start(self) -> None:
        """Take turns in the background."""
        self._thread.start()
        self._heart.start()

    def end(self, patience: float) -> bool:
        """Wait for the last turn, once ``stop`` is set; return whether it ended in time."""
        if self._thread.is_alive():
            self._thread.join(patience)
        return not self._thread.is_alive()

    def begin_poll(self) -> bool:
        """Note that a poll of all that is due begins; return whether this exporter may make it."""
        if not self.leads:
            return False
        if self._store.shared:
            try:
                self._store.standing.begin(self._clock.now())
            except LostLeadError as error:
                log.warning("poll not begun: %s", error)
                return False
        return True

    def publish(self) -> None:
        """Let the others show what is stored now."""
        if not self._store.shared:
            return
        status = self._status.view()
        self._issue = self._store.standing.publish(
            Standing(None, status.up, status.seconds, tuple(status.failing))
        )

    def turn(self) -> None:
        """Do what is due; trouble with the store is told once, and the next turn tries again."""
        try:
            self._turn()
        except Exception as error:
            if not self._troubled:
                log.warning(
                    "this replica cannot follow, the last values stay",
                    extra=fields(kind=type(error).__name__, leads=self.leads),
                )
                log.debug("why it cannot follow", exc_info=error)
            self._troubled = True
        else:
            if self._troubled:
                log.info("this replica follows again")
            self._troubled = False

    def _run(self) -> None:
        while not self._stop.is_set():
            self.turn()
            self._stop.wait(self._rhythm.turn)
        self._duties.step_down()

    def _beat(self) -> None:
        while not self._stop.wait(self._rhythm.turn):
            self._store.leadership.beat()

    def _turn(self) -> None:
        term = self._held_term()
        self.relay.send()
        if self._named is not None and self._term is not None:
            self.relay.deliver(self._named)
        elif self._duties.step_down() and term is not None:
            self._lead(term)
        else:
            self._follow()

    def _held_term(self) -> int | None:
        """Return the term in which this exporter may poll, None if it may not."""
        term: int | None = None
        try:
            if self._store.leadership.hold():
                term = self._store.leadership.term
        finally:
            # Also where it was lost and taken again: others may have polled between.
            if self._term is not None and term != self._term:
                log.warning("this replica polls no more, it lost the lead")
                self._term = self._named = None
                self._status.lead(leads=False)
                self._duties.step_down()
        return term

    def _lead(self, term: int) -> None:
        self._take_up()
        self.relay.begin_anew()
        earliest = 0.0 if self._store.leadership.orderly else self._rhythm.grace
        beginning = Beginning(earliest, max(earliest, self._due_in()))
        # Also the one before may have been killed before it published what it stored.
        self.publish()
        # Before the polls begin: one that is due at once must find that it may.
        self._term = term
        self._status.lead(leads=True)
        self._named = self._duties.take_over(beginning)
        log.info("this replica polls from now on", extra=fields(seconds=round(beginning.poll, 3)))

    def _follow(self) -> None:
        if self._store.standing.issue() != self._issue:
            self._take_up()

    def _take_up(self) -> None:
        """Show what is stored, and how the polls of the leader went."""
        with self._store.one_state():
            issue, standing = self._store.standing.issue(), self._store.standing.load()
            self._status.adopt(up=standing.up, seconds=standing.seconds, failing=standing.failing)
            self._duties.show()
        self._issue, self._began = issue, standing.began

    def _due_in(self) -> float:
        """Return in how many seconds the next poll of all that is due is to begin."""
        if self._began is None:
            return 0.0
        passed = self._clock.now() - self._began
        # Where another machine's clock is ahead, its poll began just now.
        return max(0, microseconds(self.interval) - max(0, passed)) / MICROSECONDS
