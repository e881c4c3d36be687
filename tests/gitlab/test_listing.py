from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.dora.facts import Environment
from exporter.gitlab import Client
from exporter.gitlab.answers import DeploymentAnswer, read
from exporter.gitlab.errors import BadAnswerError
from exporter.gitlab.listing import OVERLAP, DeploymentLists, next_cursor
from exporter.instant import Instant, from_datetime, iso
from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.front import RequestRecord
from exporter.simulator.world import Environment as Place
from tests.gitlab.clock import NOON
from tests.gitlab.conftest import Clients

BEGIN = NOON - timedelta(days=90)
SINCE = from_datetime(BEGIN)
HOUR = timedelta(hours=1)


class Meanwhile(list[RequestRecord]):
    """A log of requests that does something after each, before the next one is answered."""

    def __init__(self, then: Callable[[RequestRecord], object]) -> None:
        super().__init__()
        self._then = then

    def append(self, record: RequestRecord, /) -> None:
        super().append(record)
        self._then(record)


@pytest.fixture
def production(world: World) -> Place:
    return world.add_environment(world.add_project("top/app"), "production")


@pytest.fixture
def lists(client: Client) -> DeploymentLists:
    return DeploymentLists(client)


def deploy(world: World, environment: Place, number: int, begin: datetime = BEGIN) -> list[int]:
    """Deploy every hour from a moment on; return the ids."""
    return [
        world.add_deployment(environment, created_at=begin + hour * HOUR).id
        for hour in range(number)
    ]


def ids(rows: Collection[DeploymentAnswer]) -> list[int]:
    return [row.id for row in rows]


# The first list


@pytest.mark.parametrize("number", [0, 1, 99, 100, 101])
@pytest.mark.parametrize("begin", [BEGIN, BEGIN - timedelta(days=1)], ids=["after", "straddling"])
def test_first_list_is_whole(
    gitlab: SimulatedGitLab,
    lists: DeploymentLists,
    production: Place,
    number: int,
    begin: datetime,
) -> None:
    expected = deploy(gitlab.world, production, number, begin)
    listing = lists.first(production.project.id, SINCE)
    assert ids(listing.rows) == expected
    assert listing.whole
    assert listing.oldest == ({production.id: expected[0]} if expected else {})
    assert len(gitlab.requests) == (1 if number <= 100 else 2)


def test_one_page_from_before_the_history_is_whole_too(
    gitlab: SimulatedGitLab, world: World, lists: DeploymentLists, production: Place
) -> None:
    expected = deploy(world, production, 100, BEGIN - 200 * HOUR)
    listing = lists.first(production.project.id, SINCE)
    assert (ids(listing.rows), listing.whole) == (expected, True)
    assert len(gitlab.requests) == 1


@pytest.mark.parametrize(("number", "requests"), [(0, 2), (1, 2), (100, 2), (101, 3)])
def test_what_lies_before_the_history_is_skipped_after_a_page(
    gitlab: SimulatedGitLab,
    lists: DeploymentLists,
    production: Place,
    number: int,
    requests: int,
) -> None:
    old = deploy(gitlab.world, production, 350, BEGIN - 400 * HOUR)
    expected = deploy(gitlab.world, production, number)
    listing = lists.first(production.project.id, SINCE)
    assert ids(listing.rows) == expected
    assert not listing.whole
    assert listing.oldest == {production.id: old[0]}
    assert len(gitlab.requests) == requests


def test_oldest_is_told_for_each_environment(
    world: World, lists: DeploymentLists, production: Place
) -> None:
    staging = world.add_environment(production.project, "staging")
    first = [deploy(world, place, 1)[0] for place in (production, staging)]
    deploy(world, production, 3)
    world.add_deployment(staging, created_at=BEGIN, status="failed")
    listing = lists.first(production.project.id, SINCE)
    assert listing.oldest == {production.id: first[0], staging.id: first[1]}


# Later lists


def test_cursor_itself_is_asked_for(
    gitlab: SimulatedGitLab, world: World, lists: DeploymentLists, production: Place
) -> None:
    expected = deploy(world, production, 5)
    assert ids(lists.after(production.project.id, SINCE + 2 * OVERLAP)) == expected[2:]
    assert len(gitlab.requests) == 1


def test_only_successes_are_asked_for(
    world: World, lists: DeploymentLists, production: Place
) -> None:
    for status in ("created", "running", "failed", "canceled", "skipped", "blocked"):
        world.add_deployment(production, created_at=BEGIN, status=status)
    assert lists.after(production.project.id, SINCE) == []


def test_older_instance_is_asked_by_change_from_then_on(
    gitlab: SimulatedGitLab, world: World, lists: DeploymentLists, production: Place
) -> None:
    world.features.rest_finished_filters = False
    old = deploy(world, production, 1, BEGIN - 10 * HOUR)[0]
    new = deploy(world, production, 2)
    world.touch_deployment(world.deployments[old], at=BEGIN + 5 * HOUR)
    for _ in range(2):
        assert ids(lists.after(production.project.id, SINCE)) == [*new, old]
    assert [record.status for record in gitlab.requests] == [400, 200, 200]
    assert ["finished_after" in record.query for record in gitlab.requests] == [True, False, False]


# Rows that move between pages


Change = Callable[[World, list[int]], object]


def touch_first(world: World, numbers: list[int]) -> None:
    """Move the first row of a list by change to its end."""
    world.touch_deployment(world.deployments[numbers[0]])
    numbers.append(numbers.pop(0))


def delete_first(world: World, numbers: list[int]) -> None:
    world.delete_deployment(world.deployments[numbers.pop(0)])


def write_late(world: World, numbers: list[int]) -> None:
    """Put a row in front of all others in a list by finish."""
    place = world.deployments[numbers[0]].environment
    numbers.append(world.add_deployment(place, created_at=BEGIN).id)


@dataclass
class Moving:
    """A GitLab with 150 deployments, of which some move between the first page and the second."""

    lists: DeploymentLists
    project_id: int
    numbers: list[int]
    requests: list[RequestRecord]


@pytest.fixture
def moving(
    world: World, clients: Clients, production: Place
) -> Iterator[Callable[[Change, int], Moving]]:
    """Starts that GitLab; takes the change and how often it happens."""
    with ExitStack() as stack:

        def start(change: Change, times: int) -> Moving:
            numbers = deploy(world, production, 150, BEGIN + HOUR)
            left = iter(range(times))

            def between(record: RequestRecord) -> None:
                first_page = record.status == 200 and "&page=" not in record.query
                if first_page and next(left, None) is not None:
                    change(world, numbers)

            gitlab = SimulatedGitLab(world)
            gitlab.requests = Meanwhile(between)
            stack.enter_context(gitlab)
            lists = DeploymentLists(clients(gitlab.url))
            return Moving(lists, production.project.id, numbers, gitlab.requests)

        yield start


def test_row_moving_to_the_end_lets_no_other_slip_away(
    world: World, moving: Callable[[Change, int], Moving]
) -> None:
    world.features.rest_finished_filters = False
    gitlab = moving(touch_first, 1)
    found = gitlab.lists.after(gitlab.project_id, SINCE)
    assert sorted(ids(found)) == sorted(gitlab.numbers)
    assert [record.status for record in gitlab.requests] == [400, 200, 200, 200, 200]


def test_row_written_late_in_front_is_found(moving: Callable[[Change, int], Moving]) -> None:
    gitlab = moving(write_late, 1)
    found = gitlab.lists.after(gitlab.project_id, SINCE)
    assert sorted(ids(found)) == sorted(gitlab.numbers)
    assert len(gitlab.requests) == 4


def test_row_deleted_meanwhile_lets_no_other_slip_away(
    moving: Callable[[Change, int], Moving],
) -> None:
    gitlab = moving(delete_first, 1)
    assert ids(gitlab.lists.first(gitlab.project_id, SINCE).rows) == gitlab.numbers
    assert len(gitlab.requests) == 4


def test_list_that_never_holds_still_is_an_error(
    world: World, moving: Callable[[Change, int], Moving]
) -> None:
    world.features.rest_finished_filters = False
    gitlab = moving(touch_first, 99)
    with pytest.raises(BadAnswerError, match="149 rows where GitLab counts 150"):
        gitlab.lists.after(gitlab.project_id, SINCE)
    assert len(gitlab.requests) == 7


# The oldest of an environment


def known(place: Place) -> Environment:
    return Environment(place.id, place.project.id, place.name, None)


def test_oldest_success_has_the_smallest_id(
    gitlab: SimulatedGitLab, world: World, lists: DeploymentLists, production: Place
) -> None:
    world.add_deployment(production, created_at=BEGIN, status="failed")
    expected = deploy(world, production, 120)[0]
    deploy(world, world.add_environment(production.project, "staging"), 3)
    assert lists.oldest(known(production)) == expected
    assert len(gitlab.requests) == 1
    assert "per_page=1&" in gitlab.requests[0].query + "&"


def test_environment_without_successes_has_no_oldest(
    world: World, lists: DeploymentLists, production: Place
) -> None:
    world.add_deployment(production, created_at=BEGIN, status="failed")
    assert lists.oldest(known(production)) is None


def test_oldest_is_not_taken_from_another_environment_of_that_name(
    world: World, lists: DeploymentLists, production: Place
) -> None:
    deploy(world, production, 2)
    stored = known(production)
    world.delete_environment(production)
    again = world.add_environment(production.project, "production")
    expected = deploy(world, again, 2)[0]
    assert lists.oldest(stored) is None
    assert lists.oldest(known(again)) == expected


# The cursor


def row(finished_at: Instant) -> DeploymentAnswer:
    return read(
        DeploymentAnswer,
        {
            "id": 1,
            "status": "success",
            "environment": {"id": 1, "name": "production"},
            "updated_at": iso(finished_at),
        },
        "deployment",
    )


MINUTE = OVERLAP // 60


@pytest.mark.parametrize(
    ("finished", "before", "asked", "expected"),
    [
        pytest.param([], 0, 300, 0, id="nothing new"),
        pytest.param([200], 0, 300, 140, id="an overlap behind the newest"),
        pytest.param([200, 100], 0, 300, 140, id="in any order"),
        pytest.param([30], 0, 300, 0, id="within the overlap"),
        pytest.param([900], 0, 300, 240, id="finished ahead of the clock"),
        pytest.param([200], 180, 300, 180, id="never back"),
        pytest.param([200], 500, 300, 240, id="back with the clock"),
        pytest.param([], 500, 300, 240, id="nothing new, but the clock was set back"),
    ],
)
def test_cursor(finished: list[int], before: int, asked: int, expected: int) -> None:
    rows = [row(SINCE + minutes * MINUTE) for minutes in finished]
    cursor = next_cursor(rows, SINCE + before * MINUTE, SINCE + asked * MINUTE)
    assert (cursor - SINCE) / MINUTE == expected


INSTANTS = st.integers(0, 10**16)


@given(st.lists(INSTANTS, max_size=3), INSTANTS, INSTANTS)
def test_cursor_goes_back_only_with_the_clock_and_never_ahead_of_it(
    finished: list[Instant], before: Instant, asked_at: Instant
) -> None:
    cursor = next_cursor(map(row, finished), before, asked_at)
    assert min(before, asked_at - OVERLAP) <= cursor <= asked_at - OVERLAP
