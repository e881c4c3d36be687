from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from exporter.dora.facts import Environment, MergeRequest, Project
from exporter.gitlab import Client, GitLabSource
from exporter.gitlab.capabilities import DETECT_AGAIN, Abilities, Capabilities
from exporter.instant import Instant, from_datetime
from exporter.simulator import Fault, SimulatedGitLab, World
from exporter.simulator.world import Environment as Place
from exporter.store import ProjectState, Reading, SeenDeployment
from tests.gitlab.clock import NOON, LockstepClock

BEGIN = NOON - timedelta(days=90)
SINCE = from_datetime(BEGIN)


@dataclass
class Reader:
    """Reads one project again and again, and remembers as the store would."""

    source: GitLabSource
    project: Project
    state: ProjectState = field(default_factory=ProjectState)
    stored: dict[int, SeenDeployment] = field(default_factory=dict)

    def read(self, *, environments_due: bool = False) -> Reading:
        reading, path = self.source.read_project(
            self.project,
            self.state,
            since=SINCE,
            unknown=self._unknown,
            guessed=self._guessed,
            environments_due=environments_due,
        )
        self.stored |= {one.id: one for one in [*reading.deployments, *reading.corrected]}
        known = {**self.state.environments, **{one.id: one for one in reading.environments}}
        self.state = ProjectState(reading.cursor, reading.covered_since, reading.complete, known)
        self.project = replace(self.project, path=path)
        return reading

    def finishes(self) -> dict[int, Instant]:
        return {one.id: one.finished_at for one in self.stored.values()}

    def sources(self) -> set[str]:
        return {one.finish_source for one in self.stored.values()}

    def _unknown(self, ids: Collection[int]) -> set[int]:
        return set(ids) - self.stored.keys()

    def _guessed(self) -> Sequence[SeenDeployment]:
        settled = {"deployment", "unconfirmed"}
        return [one for one in self.stored.values() if one.finish_source not in settled]


@pytest.fixture
def production(world: World) -> Place:
    return world.add_environment(world.add_project("top/app"), "production", created_at=BEGIN)


@pytest.fixture
def reader(client: Client, clock: LockstepClock, production: Place) -> Reader:
    return Reader(GitLabSource(client, clock), Project(production.project.id, "top/app"))


def deploy(
    world: World, place: Place, number: int, *, every: timedelta, deployable: bool = True
) -> None:
    """Deploy every so often until now, at whole seconds; each takes three minutes."""
    now = world.clock().replace(microsecond=0)
    for one in range(number, 0, -1):
        start = now - one * every
        end = start + timedelta(minutes=3)
        world.add_deployment(place, created_at=start, finished_at=end, deployable=deployable)


def true_finishes(world: World) -> dict[int, Instant]:
    return {
        one.id: from_datetime(one.finished_at)
        for one in world.deployments.values()
        if one.finished_at is not None
    }


def endpoints(gitlab: SimulatedGitLab) -> list[str]:
    made = [record.endpoint.rpartition("/")[2] for record in gitlab.requests]
    gitlab.requests.clear()
    return made


HOUR = timedelta(hours=1)


def test_requests_are_as_few_as_planned(
    gitlab: SimulatedGitLab, reader: Reader, production: Place, clock: LockstepClock
) -> None:
    deploy(gitlab.world, production, 130, every=HOUR)
    reader.read()
    # One more asks, once for the whole instance, what its GraphQL can tell.
    assert endpoints(gitlab) == ["deployments", "deployments", "graphql", *["graphql"] * 2]
    reader.read()
    assert endpoints(gitlab) == ["deployments"]
    clock.advance(hours=2)
    deploy(gitlab.world, production, 1, every=HOUR)
    assert len(reader.read().deployments) == 1
    assert endpoints(gitlab) == ["deployments", "graphql"]
    assert reader.finishes() == true_finishes(gitlab.world)


def test_old_project_costs_one_page_and_its_environments(
    gitlab: SimulatedGitLab, reader: Reader, production: Place
) -> None:
    deploy(gitlab.world, production, 300, every=timedelta(days=1))
    reading = reader.read()
    assert endpoints(gitlab).count("deployments") == 2
    assert len(reading.deployments) == 90
    assert not reading.complete
    assert [one.oldest_deployment_id for one in reading.environments] == [1]


def test_oldest_is_asked_for_where_no_page_tells_it(
    gitlab: SimulatedGitLab, reader: Reader, production: Place
) -> None:
    deploy(gitlab.world, production, 150, every=timedelta(days=2))
    late = gitlab.world.add_environment(production.project, "live", created_at=BEGIN - HOUR)
    old = gitlab.world.add_deployment(late, created_at=BEGIN - HOUR)
    deploy(gitlab.world, late, 2, every=HOUR)
    reading = reader.read()
    oldest = {one.id: one.oldest_deployment_id for one in reading.environments}
    assert oldest == {production.id: 1, late.id: old.id}
    assert endpoints(gitlab).count("deployments") == 3


def test_finishes_are_exact_however_late_the_rows_were_written_to(
    world: World, reader: Reader, production: Place
) -> None:
    deploy(world, production, 250, every=timedelta(hours=8), deployable=False)
    for one in world.deployments.values():
        world.touch_deployment(one)
    reader.read()
    assert reader.finishes() == true_finishes(world)
    assert reader.sources() == {"deployment"}


def test_moved_project_is_read_under_its_new_path(
    world: World, reader: Reader, production: Place
) -> None:
    deploy(world, production, 3, every=HOUR)
    world.move_project(production.project, "side/app")
    reader.read()
    assert reader.project.path == "side/app"
    assert reader.finishes() == true_finishes(world)
    assert reader.sources() == {"deployment"}


@pytest.mark.parametrize("feature", ["graphql", "graphql_finished_at"])
def test_older_gitlab_is_read_by_rest_alone(
    gitlab: SimulatedGitLab, reader: Reader, production: Place, feature: str
) -> None:
    setattr(gitlab.world.features, feature, False)
    deploy(gitlab.world, production, 3, every=HOUR)
    reading = reader.read()
    assert reader.sources() == {"job"}
    assert reading.all_environments
    assert endpoints(gitlab) == ["deployments", "graphql", "environments"]
    reader.read(environments_due=True)
    assert endpoints(gitlab) == ["deployments", "environments"]


def test_guesses_are_made_exact_once_graphql_can_be_reached(
    gitlab: SimulatedGitLab, reader: Reader, production: Place, clock: LockstepClock
) -> None:
    deploy(gitlab.world, production, 3, every=HOUR)
    gitlab.faults.add(Fault("status", match="graphql", status=503))
    reader.read()
    assert reader.sources() == {"job"}
    gitlab.faults.clear()
    gitlab.requests.clear()
    reader.read()
    assert endpoints(gitlab) == ["deployments"]
    clock.advance(seconds=DETECT_AGAIN)
    corrected = reader.read().corrected
    assert {one.id: one.finished_at for one in corrected} == true_finishes(gitlab.world)
    assert reader.sources() == {"deployment"}


def guess(gitlab: SimulatedGitLab, reader: Reader, clock: LockstepClock) -> None:
    """Read while GraphQL is away, and let it come back."""
    gitlab.faults.add(Fault("status", match="graphql", status=503))
    reader.read()
    gitlab.faults.clear()
    clock.advance(seconds=DETECT_AGAIN)


def test_guess_is_kept_for_good_where_gitlab_forgot_the_deployment(
    gitlab: SimulatedGitLab, reader: Reader, production: Place, clock: LockstepClock
) -> None:
    deploy(gitlab.world, production, 3, every=HOUR)
    guess(gitlab, reader, clock)
    guessed = reader.finishes()
    gitlab.world.delete_environment(production)
    reader.read()
    assert reader.sources() == {"job"}
    reader.read()
    assert reader.finishes() == guessed
    assert reader.sources() == {"unconfirmed"}


@pytest.mark.parametrize("field", ["project", "environment"])
def test_one_answer_that_tells_nothing_of_a_deployment_is_not_believed(
    gitlab: SimulatedGitLab, reader: Reader, production: Place, clock: LockstepClock, field: str
) -> None:
    deploy(gitlab.world, production, 3, every=HOUR)
    guess(gitlab, reader, clock)
    assert reader.source.has_overviews()  # so that the next answer is not about what GraphQL can do
    fault = gitlab.faults.add(Fault("null_fields", match="graphql", fields=(field,)))
    reader.read()
    assert fault.met
    assert reader.sources() == {"job"}
    gitlab.faults.clear()
    reader.read()
    assert reader.finishes() == true_finishes(gitlab.world)
    assert reader.sources() == {"deployment"}


def test_guesses_stand_where_another_thread_finds_graphql_lost_meanwhile(
    gitlab: SimulatedGitLab,
    reader: Reader,
    production: Place,
    clock: LockstepClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deploy(gitlab.world, production, 3, every=HOUR)
    guess(gitlab, reader, clock)
    able = iter([Abilities(finishes=True), Abilities()] * 2)
    with monkeypatch.context() as patch:
        patch.setattr(Capabilities, "now", lambda _: next(able))
        for _ in range(2):
            reader.read()
            assert reader.sources() == {"job"}
    assert list(able) == []
    reader.read()
    assert reader.finishes() == true_finishes(gitlab.world)
    assert reader.sources() == {"deployment"}


def test_environments_come_by_rest_where_their_query_fails(
    gitlab: SimulatedGitLab, reader: Reader, production: Place
) -> None:
    deploy(gitlab.world, production, 3, every=HOUR)
    gitlab.world.features.max_graphql_complexity = 12
    reading = reader.read()
    assert [(one.name, one.tier) for one in reading.environments] == [("production", "production")]
    assert reading.all_environments
    assert reader.sources() == {"deployment"}


def test_deleted_environment_of_a_deployment_stays_known(
    gitlab: SimulatedGitLab, reader: Reader, production: Place
) -> None:
    deploy(gitlab.world, production, 1, every=HOUR)
    reader.read()
    gitlab.world.delete_environment(production)
    reading = reader.read(environments_due=True)
    assert reading.all_environments
    assert reading.environments == []
    assert list(reader.stored) == [1]


def test_environments_are_listed_by_rest(world: World, reader: Reader, production: Place) -> None:
    world.features.environment_tier = False
    assert reader.source.environments(production.project.id) == [
        Environment(production.id, production.project.id, "production", None)
    ]


@pytest.mark.parametrize("number", [0, 1, 130])
def test_merge_requests_of_a_deployment_come_once_each(
    gitlab: SimulatedGitLab, reader: Reader, production: Place, number: int
) -> None:
    project = production.project
    linked = [
        gitlab.world.add_merge_request(project, merged_at=NOON, author="ada") for _ in range(number)
    ]
    made = gitlab.world.add_deployment(production, created_at=NOON, merge_requests=linked)
    found = reader.source.merge_requests(project.id, made.id)
    assert sorted(found, key=lambda one: one.iid) == [
        MergeRequest(one.iid, from_datetime(NOON), "main", "ada") for one in linked
    ]
    assert len(gitlab.requests) == max(1, -(-number // 100))


def test_now_is_gitlabs_time(
    world: World, reader: Reader, clock: LockstepClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "clock", lambda: clock.datetime() + HOUR)
    reader.read()
    ahead = timedelta(microseconds=reader.source.now() - clock.now())
    assert abs(ahead - HOUR) < timedelta(seconds=2)
