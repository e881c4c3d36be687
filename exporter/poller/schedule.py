"""The schedule: polls and discoveries, each at its interval and never over itself."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from exporter.gitlab import StoppedError

log = logging.getLogger(__name__)


class Schedule:
    """Runs two jobs in the background, both at once at the start."""

    def __init__(
        self,
        *,
        poll: Callable[[], object],
        discover: Callable[[], object],
        poll_interval: timedelta,
        discovery_interval: timedelta,
        stop: Event,
    ) -> None:
        self._stop = stop
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(2)},
            # A run that comes late is still wanted, and one run makes up for several missed.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for name, job, interval in (
            ("poll", poll, poll_interval),
            ("discovery", discover, discovery_interval),
        ):
            self._scheduler.add_job(
                self._guarded,
                IntervalTrigger(seconds=max(interval.total_seconds(), 1), timezone=UTC),
                args=(name, job),
                id=name,
                next_run_time=datetime.now(UTC),
            )

    def start(self) -> None:
        """Begin; both jobs run at once."""
        self._scheduler.start()

    def shut_down(self, patience: float) -> bool:
        """Begin no more jobs, and let the running ones end: they stop at their next request.

        Returns:
            Whether they ended within ``patience`` seconds.
        """
        self._stop.set()
        # The scheduler's own waiting knows no limit.
        waiting = Thread(target=self._scheduler.shutdown, name="shutdown", daemon=True)
        waiting.start()
        waiting.join(patience)
        return not waiting.is_alive()

    def _guarded(self, name: str, job: Callable[[], object]) -> None:
        try:
            job()
        except StoppedError:
            log.debug("%s stopped", name)
        except Exception:
            log.exception("%s failed, it will be tried again", name)
