"""Six hours of a large estate in minutes: the polls that the schedule makes, scrapes in between."""

import sys
import time
from pathlib import Path
from random import Random
from statistics import median

import pytest

from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.generator import bulk
from tests.bench.timetable import Timetable
from tests.clock import FakeClock
from tests.poller.driven_exporter import DrivenExporter, settings_for
from tests.poller.estate import HOUR, deploy
from tests.reliability.footprint import Footprint

PROJECTS = 1000
HOURS = 6
MINUTE = 60.0
NEWS = 40.0
"""Seconds from one deployment to the next: two a day in each project."""

MEGABYTES = 2**20

pytestmark = pytest.mark.usefixtures("silence")


class Soak:
    """An exporter and its GitLab, and the times that its scrapes and polls take."""

    def __init__(self, gitlab: SimulatedGitLab, clock: FakeClock, database: Path) -> None:
        changes = {
            "groups": [{"path": "bulk"}],
            "poll": {"history": "30d", "interval": "5m", "discovery_interval": "1h"},
            "gitlab": {"concurrency": 4},
        }
        self.clock = clock
        self.exporter = DrivenExporter(settings_for(gitlab.url, database, changes), clock, database)
        self.timetable = Timetable(clock)
        self.deployed = 0
        self.polls: list[float] = []
        self.scrapes: list[float] = []
        self._gitlab = gitlab
        self._random = Random(5)
        self._environments = list(gitlab.world.environments.values())

    def plan(self) -> None:
        """Plan what the scheduler would do, what happens in GitLab, and who asks."""
        service = self.exporter.service
        self.timetable.every(5 * MINUTE, self._poll)
        self.timetable.every(60 * MINUTE, service.discover)
        service._settling.begin(
            lambda seconds: self.timetable.after(seconds, service._settling.read),
            next_poll_in=lambda: 5 * MINUTE,
        )
        self.timetable.every(NEWS, self._deploy)
        self.timetable.every(MINUTE, self._scrape)
        self.timetable.every(30 * MINUTE, self._ask)

    def hour(self) -> Footprint:
        """Let an hour pass; return what the process holds then."""
        self.timetable.run(60 * MINUTE, before=self._gitlab.requests.clear)
        return Footprint.now()

    def total(self) -> float:
        """Return the deployments that the exporter counted."""
        return self.exporter.value("group_deployments_total", group="bulk") or 0

    def _poll(self) -> None:
        began = time.process_time()
        assert self.exporter.poll()
        self.polls.append(time.process_time() - began)

    def _deploy(self) -> None:
        self.deployed += 1
        environment = self._random.choice(self._environments)
        deploy(self._gitlab.world, environment, HOUR, ago=self._random.randint(10, 90))

    def _scrape(self) -> None:
        began = time.process_time()
        answer = self.exporter.service.exposition.scrape(gzip=True).answer()
        body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
        self.scrapes.append(time.process_time() - began)
        assert len(body) == answer.size

    def _ask(self) -> None:
        days = self.exporter.dora("groups/bulk", "lead_time_for_changes")
        assert len(days) > 80


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_six_hours_cost_no_memory_and_slow_nothing_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = FakeClock()
    world = World(clock)
    bulk(
        world,
        seed=1,
        projects=PROJECTS,
        deployments_per_project=6,
        days=25,
        end=clock.ago(hours=2),
    )
    began = time.process_time()
    with SimulatedGitLab(world) as gitlab:
        soak = Soak(gitlab, clock, tmp_path / "dora.db")
        assert soak.exporter.poll()
        before = soak.total()
        soak.plan()
        hours = [soak.hour() for _ in range(HOURS)]
        seen = soak.total() - before
        stale = soak.exporter.value("exporter_stale_projects")
        soak.exporter.close()
    each = len(soak.scrapes) // HOURS
    scrapes = [median(soak.scrapes[n * each : (n + 1) * each]) for n in range(HOURS)]
    polls = [median(soak.polls[n * 12 : (n + 1) * 12]) for n in range(HOURS)]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{PROJECTS} projects, {HOURS} hours in {time.process_time() - began:.0f} s of "
            f"processor time: {len(soak.polls)} polls, {len(soak.scrapes)} scrapes, "
            f"{soak.deployed} deployments\n"
        )
        for number, footprint in enumerate(hours):
            sys.stdout.write(
                f"hour {number + 1}: {footprint}; processor time of a scrape "
                f"{1000 * scrapes[number]:.1f} ms, of a poll {polls[number]:.2f} s\n"
            )
    # All but what came after the last poll.
    assert soak.deployed - seen <= 5 * MINUTE / NEWS + 2
    assert stale == 0
    first, last = hours[0], hours[-1]
    assert last.threads <= first.threads
    assert last.handles <= first.handles + 4  # connections that are kept
    assert last.memory - first.memory < 15 * MEGABYTES
    assert scrapes[-1] < 1.5 * scrapes[0]
    assert polls[-1] < 1.5 * polls[0]
