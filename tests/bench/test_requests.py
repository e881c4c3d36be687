"""How many requests to GitLab polls cost, counted by the simulated GitLab; no clock is involved."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from exporter.poller import Status
from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.generator import bulk
from exporter.simulator.world import Environment
from tests.bench.timetable import Timetable
from tests.clock import FakeClock
from tests.poller.driven_exporter import DrivenExporter, settings_for
from tests.poller.estate import HOUR, deploy
from tests.poller.events import Events
from tests.webhook.payloads import SECRET

DAYS = 90

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]


class Estate:
    """Projects with one production environment each, and an exporter that counts its requests."""

    def __init__(
        self, gitlab: SimulatedGitLab, clock: FakeClock, database: Path, **changes: Any
    ) -> None:
        self.gitlab = gitlab
        self.clock = clock
        groups = [{"path": "bulk"}]
        poll = {"history": f"{DAYS + 2}d", "freshness": "15m"}
        changes |= {"groups": groups, "poll": poll, "gitlab": {"concurrency": 2}}
        self.exporter = DrivenExporter(settings_for(gitlab.url, database, changes), clock, database)

    def poll(self) -> int:
        """Poll and return how many requests that took."""
        self.gitlab.requests.clear()
        assert self.exporter.poll()
        return len(self.gitlab.requests)

    def endpoints(self) -> Counter[str]:
        """Return the requests of the last poll by endpoint."""
        return Counter(one.endpoint for one in self.gitlab.requests)

    def counted(self) -> float:
        """Return the deployments that the exporter ever saw."""
        return self.exporter.value("group_deployments_total", group="bulk") or 0

    def deploy(self, random: Random, number: int) -> None:
        """Deploy to so many different projects."""
        environments = sorted(self.gitlab.world.environments.values(), key=lambda one: one.id)
        for one in random.sample(environments, number):
            self.bring(one)

    def shown(self) -> tuple[int, int]:
        """Return the deployments ever counted, and the merge requests of the last day."""
        ((_, (row,)),) = [
            (group, rows)
            for group, rows in self.exporter.service.exposition.snapshot.groups
            if group.path == "bulk"
        ]
        return row.deployments_total, row.current["1d"].merge_requests

    def bring(self, environment: Environment) -> None:
        """Deploy with a merge request, well before now."""
        deploy(self.gitlab.world, environment, HOUR, ago=400)


@contextmanager
def estate(folder: Path, projects: int, each: int, **changes: Any) -> Iterator[Estate]:
    clock = FakeClock()
    world = World(clock)
    end = clock.ago(days=1)
    bulk(world, seed=1, projects=projects, deployments_per_project=each, days=DAYS, end=end)
    with SimulatedGitLab(world) as gitlab:
        made = Estate(gitlab, clock, folder / f"{projects}.db", **changes)
        try:
            yield made
        finally:
            made.exporter.close()


Show = Callable[[str], None]


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Show:
    def print_now(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{text}")
            sys.stdout.flush()

    return print_now


def test_a_large_estate(tmp_path: Path, show: Show) -> None:
    """1,000 projects, 100,000 deployments: a first poll, idle ones, and some with news."""
    projects, each = 1000, 100
    random = Random(1)
    with estate(tmp_path, projects, each) as one:
        first = one.poll()
        show(f"first poll: {first} requests for {projects * each} deployments, {one.endpoints()}")
        assert one.exporter.group_recent("bulk", "90d") == pytest.approx(projects * each, rel=0.05)
        assert first <= projects * each / 15

        one.clock.advance(days=1)
        one.exporter.service.discover()
        idle = [one.poll()]
        for minutes in (5, 10, 15):
            one.clock.advance(minutes=minutes)
            idle.append(one.poll())
        show(f"nothing new: {idle} requests for {projects} projects")
        assert max(idle) <= projects / 50 + 5

        for new in (1, 10, 100, 500):
            one.clock.advance(hours=2)
            one.exporter.service.discover()
            one.deploy(random, new)
            cost = one.poll()
            show(f"{new} new: {cost} requests, {one.endpoints()}")
            assert cost <= projects / 50 + 5 + new / 5 + 5
            one.clock.advance(minutes=5)
            one.poll()
            one.clock.advance(hours=3)
            one.poll()


def test_an_hour_in_the_life(tmp_path: Path, show: Show) -> None:
    """1,000 projects with 2 deployments a day each, polled every 5 minutes for an hour."""
    projects = 1000
    random = Random(2)
    with estate(tmp_path, projects, 4) as one:
        one.poll()
        one.clock.advance(days=2)
        one.exporter.service.discover()
        one.poll()
        one.clock.advance(minutes=5)
        total, made, shown = 0, 0, one.counted()
        numbers = [7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6]
        for step, number in enumerate(numbers):
            one.deploy(random, number)
            made += number
            total += one.poll()
            # What GitLab has had for a quarter of an hour is counted.
            assert one.shown()[0] >= shown + sum(numbers[: max(0, step - 2)])
            one.clock.advance(minutes=5)
        one.gitlab.requests.clear()
        one.exporter.service.discover()
        discovery = len(one.gitlab.requests)
        for _ in range(3):
            one.poll()
            one.clock.advance(minutes=5)
        show(f"an hour: {total} requests of polls, {discovery} of discovery, {made} deployments")
        assert one.counted() == shown + made
        assert total + discovery <= 500


@pytest.mark.parametrize("evenly", [True, False], ids=["evenly", "at_random"])
def test_hours_with_webhooks(tmp_path: Path, show: Show, evenly: bool) -> None:
    """1,000 projects with 2 deployments a day each, of each of which GitLab sends an event.

    Six hours, because all projects are asked once in six hours, for events that got lost.
    """
    projects, hours, random = 1000, 6, Random(3)
    number = projects * 2 * hours // 24
    # The numbers of a thousand projects 200 times over would take minutes.
    few = {"metrics": {"levels": ["group"]}, "windows": ["1d"]}
    with estate(tmp_path, projects, 4, webhook={"secret": SECRET}, **few) as one:
        environments = sorted(one.gitlab.world.environments.values(), key=lambda each: each.id)
        service, timetable, events = (
            one.exporter.service,
            Timetable(one.clock),
            Events(one.exporter),
        )
        service._named.begin(lambda seconds: timetable.after(seconds, service._named.poll))
        service._settling.begin(
            lambda seconds: timetable.after(seconds, service._settling.read), next_poll_in=None
        )
        one.poll()
        one.clock.advance(days=2)
        service.discover()
        one.poll()
        before = one.shown()
        made: list[float] = []

        def happen() -> None:
            deployed = deploy(one.gitlab.world, random.choice(environments), HOUR)
            made.append(one.clock.monotonic())
            project = deployed.environment.project.id
            assert events.send(project=project, deployment=deployed.id) == "accepted"

        def check(age: float = 900.0) -> None:
            """What is older than a quarter of an hour is shown, with its merge request."""
            old = sum(at <= one.clock.monotonic() - age for at in made)
            shown = one.shown()
            assert shown[0] - before[0] >= old
            assert shown[1] - before[1] >= old
            slowest.append(max(waits(made, shown[1] - before[1], one.clock.monotonic())))

        slowest: list[float] = []
        timetable.every(300, one.exporter.poll)
        timetable.every(3600, service.discover)
        for event in range(number):
            share = (event + 0.5) / number if evenly else random.random()
            timetable.after(share * hours * 3600, happen)
        spent = []
        for _ in range(hours):
            one.gitlab.requests.clear()
            timetable.run(3600, before=check)
            spent.append(len(one.gitlab.requests))
        show(f"with webhooks: {spent} requests in {hours} hours with {len(made)} deployments")
        show(f"slowest lead time: {max(slowest):.0f} s after its deployment")
        timetable.run(900, before=check)
        check()
        assert len(made) == number
        assert [a - b for a, b in zip(one.shown(), before, strict=True)] == [number, number]
        assert max(spent) <= 50


def waits(made: list[float], shown: int, now: float) -> list[float]:
    """Return how long each deployment waits that is not shown, the oldest first."""
    return [now - at for at in sorted(made)[shown:]] or [0.0]


def test_a_gitlab_that_allows_60_requests_a_minute(
    tmp_path: Path, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first poll finishes, is refused once at most, and ready says what is still missing."""
    projects, each = 200, 20
    read, left = Status.read, []
    with estate(tmp_path, projects, each) as one:
        one.gitlab.world.features.rate_limit_per_minute = 60

        def read_and_look(status: Status, project_id: int) -> None:
            read(status, project_id)
            left.append(one.exporter.page("/-/ready").text.rpartition(": ")[2].strip())

        monkeypatch.setattr(Status, "read", read_and_look)
        began = one.clock()
        first = one.poll()
        minutes = (one.clock() - began).total_seconds() / 60
        refused = sum(record.status == 429 for record in one.gitlab.requests)
        show(
            f"60 requests a minute: {first} requests for {projects} projects with"
            f" {projects * each} deployments in {minutes:.0f} minutes, {refused} refused"
        )
        assert one.exporter.group_recent("bulk", "90d") == pytest.approx(projects * each, rel=0.05)
        assert refused <= 1
        assert left[:-1] == [str(number) for number in range(projects - 1, 0, -1)]
        assert one.exporter.page("/-/ready").text == "ready\n"


def test_requests_grow_no_faster_than_the_estate(tmp_path: Path, show: Show) -> None:
    costs = {}
    for projects in (250, 1000, 4000):
        with estate(tmp_path, projects, 2) as one:
            first = one.poll()
            one.clock.advance(days=2)
            one.exporter.service.discover()
            one.poll()
            one.clock.advance(minutes=15)
            costs[projects] = first, one.poll()
            show(f"{projects:5} projects: {first} requests at first, {costs[projects][1]} idle")
    for part in (0, 1):
        assert costs[4000][part] / costs[250][part] <= 16
