"""When events cause polls, of what, and how often; the scheduler is a list, time stands still."""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import pytest

from exporter.gitlab import StoppedError
from exporter.poller import NamedProjects
from exporter.poller.named import MOST_DEPLOYMENTS, MOST_ENVIRONMENTS, TRIES
from tests.clock import FakeClock

SPACING = 180.0


@dataclass
class World:
    """What named projects know of: a poll, which deployments it brings, and a scheduler."""

    clock: FakeClock = field(default_factory=FakeClock)
    unshown: set[int] = field(default_factory=set)
    brings: bool = True
    polls: list[dict[int, set[str]]] = field(default_factory=list)
    looks: list[set[int]] = field(default_factory=list)
    planned: list[float] = field(default_factory=list)
    during_poll: Any = None

    def named(self) -> NamedProjects:
        """Return them, with nothing planned yet."""
        named = NamedProjects(self._poll, self._unshown, clock=self.clock, spacing=SPACING)
        named.begin(self.planned.append)
        return named

    def pass_to(self, named: NamedProjects) -> float:
        """Let the time pass to the one poll that is planned, and run it; return how long."""
        (seconds,) = self.planned
        self.planned.clear()
        self.clock.advance(seconds=seconds)
        named.poll()
        return seconds

    def _poll(self, some: Mapping[int, Collection[str]]) -> None:
        self.polls.append({one: set(names) for one, names in some.items()})
        if self.during_poll:
            self.during_poll()
        if self.brings:
            self.unshown.clear()

    def _unshown(self, ids: Collection[int]) -> set[int]:
        self.looks.append(set(ids))
        return self.unshown & set(ids)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def named(world: World) -> NamedProjects:
    return world.named()


def tell(
    world: World,
    named: NamedProjects,
    project: int = 1,
    deployment: int | None = 77,
    environment: str | None = "production",
) -> None:
    """Let an event come, of something that is not in the numbers yet."""
    if deployment is not None:
        world.unshown.add(deployment)
    named.add(project, deployment_id=deployment, environment=environment)


def test_the_first_event_causes_a_poll_at_once(world: World, named: NamedProjects) -> None:
    tell(world, named)
    assert world.pass_to(named) == 0
    assert world.polls == [{1: {"production"}}]
    assert world.planned == []


def test_what_is_named_within_the_spacing_is_polled_together(
    world: World, named: NamedProjects
) -> None:
    tell(world, named)
    world.pass_to(named)
    world.clock.advance(seconds=10)
    tell(world, named, 1, 78, "staging")
    world.clock.advance(seconds=10)
    tell(world, named, 2, 79)
    tell(world, named, 1, 80)
    assert world.pass_to(named) == pytest.approx(SPACING - 10)  # counted from the first of them
    assert world.polls[1:] == [{1: {"production", "staging"}, 2: {"production"}}]
    assert world.planned == []


def test_after_a_quiet_time_a_poll_comes_at_once_again(world: World, named: NamedProjects) -> None:
    tell(world, named)
    world.pass_to(named)
    world.clock.advance(seconds=SPACING)
    tell(world, named, deployment=78)
    assert world.pass_to(named) == 0


def test_the_spacing_counts_from_the_begin_of_a_poll(world: World, named: NamedProjects) -> None:
    world.during_poll = lambda: world.clock.advance(seconds=100)
    tell(world, named)
    world.pass_to(named)
    tell(world, named, deployment=78)
    assert world.pass_to(named) == pytest.approx(SPACING - 100)


def test_an_event_during_a_poll_causes_another(world: World, named: NamedProjects) -> None:
    """The project may have been read before; no two polls are planned beside each other."""

    def news() -> None:
        world.during_poll = None
        tell(world, named, 1, 78)
        tell(world, named, 2, 79)
        assert world.planned == []
        world.brings = False

    world.during_poll = news
    tell(world, named)
    world.pass_to(named)
    world.brings = True
    assert world.pass_to(named) == SPACING
    assert world.polls == [{1: {"production"}}, {1: {"production"}, 2: {"production"}}]


def test_10_000_events_cause_one_poll_in_each_spacing(world: World, named: NamedProjects) -> None:
    """All of different deployments of two projects."""
    for second in range(4):
        for number in range(10_000):
            tell(world, named, number % 2, second * 10_000 + number, f"env-{number}")
        assert len(world.planned) == 1
        world.pass_to(named)
    assert world.polls == [{0: set(), 1: set()}] * 4
    assert max(map(len, world.looks)) <= 2 * MOST_DEPLOYMENTS


def test_too_many_names_stand_for_all_environments(world: World, named: NamedProjects) -> None:
    for number in range(MOST_ENVIRONMENTS):
        tell(world, named, environment=f"review/{number}")
    world.pass_to(named)
    for number in range(MOST_ENVIRONMENTS + 1):
        tell(world, named, environment=f"review/{number}")
    world.pass_to(named)
    assert [len(poll[1]) for poll in world.polls] == [MOST_ENVIRONMENTS, 0]


def test_an_event_without_a_name_stands_for_all_environments(
    world: World, named: NamedProjects
) -> None:
    tell(world, named, 1, 77)
    tell(world, named, 1, 78, environment=None)
    tell(world, named, 1, 79)
    tell(world, named, 2, 80)
    world.pass_to(named)
    assert world.polls == [{1: set(), 2: {"production"}}]


def test_what_is_in_the_numbers_costs_one_look_and_no_poll(
    world: World, named: NamedProjects
) -> None:
    """Such as a replay from before the restart, or what a usual poll has brought meanwhile."""
    tell(world, named, 1, 77)
    tell(world, named, 2, 78)
    world.unshown.clear()
    world.pass_to(named)
    assert (world.looks, world.polls, world.planned) == ([{77, 78}], [], [])


def test_only_projects_with_something_missing_are_polled(
    world: World, named: NamedProjects
) -> None:
    tell(world, named, 1, 77)
    tell(world, named, 1, 78)
    tell(world, named, 2, 79)
    tell(world, named, 3, None)
    world.unshown.difference_update({77, 79})
    world.pass_to(named)
    assert world.polls == [{1: {"production"}, 3: {"production"}}]
    assert world.planned == []


def test_what_a_poll_does_not_bring_is_asked_for_again(
    world: World, named: NamedProjects, caplog: pytest.LogCaptureFixture
) -> None:
    """GitLab's answers may lag behind its events; but not for ever."""
    world.brings = False
    tell(world, named, 1, 77)
    waited = [world.pass_to(named) for _ in range(TRIES)]
    assert waited == [0, *[SPACING] * (TRIES - 1)]
    assert world.polls == [{1: {"production"}}] * TRIES
    assert world.planned == []
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.__dict__["fields"] == {"project_id": 1, "polls": TRIES}


def test_deployments_are_given_up_one_by_one(world: World, named: NamedProjects) -> None:
    """One that GitLab never tells of takes none with it that came later."""
    world.brings = False
    for number in range(TRIES):
        tell(world, named, 1, number)
        world.pass_to(named)
    assert world.looks[-1] == set(range(TRIES))
    world.pass_to(named)
    assert world.looks[-1] == set(range(1, TRIES))
    world.brings = True
    world.pass_to(named)
    assert world.planned == []


def test_an_event_that_does_not_say_which_is_done_with_after_a_poll(
    world: World, named: NamedProjects
) -> None:
    world.brings = False
    tell(world, named, deployment=None)
    world.pass_to(named)
    assert (len(world.polls), world.looks, world.planned) == (1, [], [])


@pytest.mark.parametrize("deployment", [77, None])
@pytest.mark.parametrize("error", [RuntimeError, StoppedError])
def test_a_poll_that_fails_is_tried_again(
    world: World, named: NamedProjects, error: type[Exception], deployment: int | None
) -> None:
    def fail() -> None:
        raise error("made to fail")

    world.during_poll = fail
    tell(world, named, deployment=deployment)
    with pytest.raises(error, match="made to fail"):
        world.pass_to(named)
    world.during_poll = None
    assert world.pass_to(named) == SPACING
    assert world.polls == [{1: {"production"}}] * 2
    assert world.planned == []


def test_a_look_into_the_store_that_fails_is_tried_again(world: World) -> None:
    fails = [True]

    def unshown(ids: Collection[int]) -> set[int]:
        if fails:
            fails.clear()
            raise RuntimeError("made to fail")
        return set(ids)

    named = NamedProjects(world._poll, unshown, clock=world.clock, spacing=SPACING)
    named.begin(world.planned.append)
    tell(world, named)
    with pytest.raises(RuntimeError):
        world.pass_to(named)
    world.pass_to(named)
    assert len(world.polls) == 1


def test_what_comes_before_there_is_a_scheduler_is_kept(world: World) -> None:
    named = NamedProjects(world._poll, world._unshown, clock=world.clock, spacing=SPACING)
    tell(world, named)
    named.begin(world.planned.append)
    world.pass_to(named)
    assert world.polls == [{1: {"production"}}]


def test_naming_waits_for_no_poll(world: World, named: NamedProjects) -> None:
    """Events come on the event loop, which serves the scrapes too."""
    began, release = Event(), Event()

    def wait() -> None:
        began.set()
        assert release.wait(20)

    world.during_poll = wait
    tell(world, named)
    polling = Thread(target=world.pass_to, args=(named,))
    polling.start()
    assert began.wait(20)
    try:
        naming = Thread(target=tell, args=(world, named, 2, 78))
        naming.start()
        naming.join(20)
        assert not naming.is_alive()
    finally:
        release.set()
        polling.join()


def test_names_are_not_logged(
    world: World, named: NamedProjects, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        tell(world, named, environment="from-outside")
        world.pass_to(named)
    assert "from-outside" not in caplog.text
