"""What polling an estate really costs, on a clock that jumps: first poll, and hours after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from exporter.config import Settings
from exporter.simulator import SimulatedGitLab
from tests.bench.timetable import Timetable
from tests.clock import FakeClock
from tests.estimate.estates import Estate
from tests.poller.driven_exporter import DrivenExporter, settings_for
from tests.poller.events import Events

POLL = {"interval": "5m", "freshness": "15m"}
RATE = 10.0


@dataclass(frozen=True)
class Reality:
    """What happened."""

    first_poll_requests: int
    first_poll_seconds: float
    requests_per_hour: float
    series: float
    deployments: int


def settings_of(gitlab: SimulatedGitLab, database: Path, changes: Mapping[str, Any]) -> Settings:
    """Return settings for all of the group ``big``, at the usual pace."""
    base = {"groups": [{"path": "big"}], "poll": POLL, "gitlab": {"max_requests_per_second": RATE}}
    return settings_for(gitlab.url, database, {**base, **changes})


def live(
    estate: Estate,
    gitlab: SimulatedGitLab,
    clock: FakeClock,
    settings: Settings,
    *,
    database: Path,
    hours: int,
) -> Reality:
    """Poll for the first time and then for some hours, as the exporter's own schedule does."""
    exporter = DrivenExporter(settings, clock, database)
    service = exporter.service
    try:
        gitlab.requests.clear()
        began = clock.monotonic()
        assert exporter.poll()
        seconds = clock.monotonic() - began
        first = len(gitlab.requests)
        (series,) = (value for _, value in exporter.series("exporter_series"))
        ((deployments,),) = exporter.stored("SELECT count(*) FROM deployments")

        timetable = Timetable(clock)
        interval = settings.poll.interval.seconds
        begun_at = began

        def poll() -> None:
            nonlocal begun_at
            begun_at = clock.monotonic()
            exporter.poll()

        if settings.webhook.enabled:
            events = Events(exporter, scheduling=False)
            service._named.begin(lambda wait: timetable.after(wait, service._named.poll))
            estate.tell = lambda one: events.send(
                project=one.project.id, deployment=one.id, environment=one.environment.name
            )

        def settle_in(wait: float) -> None:
            timetable.after(wait, service._settling.read)

        service._settling.begin(
            settle_in,
            next_poll_in=None
            if settings.webhook.enabled
            else lambda: begun_at + interval - clock.monotonic(),
        )
        timetable.every(interval, poll)
        timetable.every(settings.poll.discovery_interval.seconds, service.discover)
        estate.go_on(timetable, hours)
        gitlab.requests.clear()
        timetable.run(hours * 3600, before=partial(int, 0))
        return Reality(first, seconds, len(gitlab.requests) / hours, series, deployments)
    finally:
        exporter.close()
