"""The schedule: polls and discoveries, each at its interval and never over itself."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from exporter.gitlab import StoppedError
from exporter.poller.priority import let_others_first
from exporter.store import LostLeadError, UnusableError

log = logging.getLogger(__name__)


class _InOurWords(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Leave out that a run was skipped: it is told by what it means."""
        return "maximum number of running instances" not in str(record.msg)


# The scheduler's own words would name nothing that its user knows.
logging.getLogger("apscheduler.scheduler").addFilter(_InOurWords())

_POLLS = "polls"

_KEYS = {"poll": "poll.interval", "discovery": "poll.discovery_interval"}
"""What the configuration calls the intervals of the jobs."""


class Schedule:
    """Runs two jobs in the background, and polls besides on demand."""

    def __init__(
        self,
        *,
        poll: Callable[[], object],
        discover: Callable[[], object],
        poll_interval: timedelta,
        discovery_interval: timedelta,
        stop: Event,
        poll_in: float = 0.0,
        discover_in: float = 0.0,
    ) -> None:
        """Prepare the jobs; each runs for the first time so many seconds from now."""
        self._stop = stop
        self._adding = Lock()
        self._overran: set[str] = set()
        self._waiting: Thread | None = None
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            # One thread for all kinds of polls: one that is due while another runs comes after it.
            executors={"default": _one_thread(), _POLLS: _one_thread()},
            # A run that comes late is still wanted, and one run makes up for several missed.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._overrun, EVENT_JOB_MAX_INSTANCES)
        now = datetime.now(UTC)
        for name, job, interval, first_in, executor in (
            ("poll", poll, poll_interval, poll_in, _POLLS),
            ("discovery", discover, discovery_interval, discover_in, "default"),
        ):
            self._scheduler.add_job(
                self._guarded,
                IntervalTrigger(seconds=max(interval.total_seconds(), 1), timezone=UTC),
                args=(name, job),
                id=name,
                next_run_time=now + timedelta(seconds=first_in),
                executor=executor,
            )

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def poll_in(self, seconds: float, poll: Callable[[], object]) -> None:
        """Have a poll besides the usual ones run once, after some seconds and beside no other."""
        with self._adding:
            if self._stop.is_set():
                return
            # Each with an id of its own: a job whose former run is about to end is left out.
            self._scheduler.add_job(
                self._guarded,
                DateTrigger(datetime.now(UTC) + timedelta(seconds=seconds), timezone=UTC),
                args=("poll for events", poll),
                executor=_POLLS,
            )

    def next_poll_in(self) -> float:
        """Return in how many seconds the next usual poll begins."""
        with self._adding:
            job = None if self._stop.is_set() else self._scheduler.get_job("poll")
        if job is None:
            return 0.0
        return float((job.next_run_time - datetime.now(UTC)).total_seconds())

    def shut_down(self, patience: float) -> bool:
        """Begin no more jobs, and let the running ones end: they stop at their next request.

        It may be called again, to wait for longer.

        Returns:
            Whether they ended within ``patience`` seconds.
        """
        # While it shuts down it holds the lock that a new job needs, and waits for running jobs:
        # one that then asked for another would wait for ever.
        with self._adding:
            self._stop.set()
        # The scheduler's own waiting knows no limit.
        if self._waiting is None:
            self._waiting = Thread(target=self._scheduler.shutdown, name="shutdown", daemon=True)
            self._waiting.start()
        self._waiting.join(patience)
        return not self._waiting.is_alive()

    def _overrun(self, event: JobSubmissionEvent) -> None:
        """Tell once of each run that still goes on when the next is due."""
        name: str = event.job_id
        if name not in self._overran:
            self._overran.add(name)
            log.warning("%s takes longer than %s, the next one waits for it", name, _KEYS[name])

    def _guarded(self, name: str, job: Callable[[], object]) -> None:
        if self._stop.is_set():  # while it waited for another
            return
        self._overran.discard(name)
        try:
            job()
        except StoppedError:
            log.debug("%s stopped", name)
        except LostLeadError as error:
            log.warning("%s ended: %s", name, error)
        except UnusableError as error:
            log.error("%s failed, it will be tried again: %s", name, error)  # noqa: TRY400
        except Exception:
            log.exception("%s failed, it will be tried again", name)


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, {"initializer": let_others_first})
