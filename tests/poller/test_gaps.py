"""Merge requests that GitLab leaves out, against what the commit graph itself says."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from statistics import median
from typing import Any

import pytest

from exporter.poller import gaps
from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.commits import add_commit, fast_forward, merge_commit
from exporter.simulator.estate.unlinked import KINDS, Kind, unlinked
from exporter.simulator.faults import Fault
from exporter.simulator.records import Deployment, Environment, Project
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, add_app, deploy

COMPARING = {"missing_links": "compare"}
LINKS = "SELECT deployment_id, iid FROM deployment_merge_requests"

Found = dict[int, list[tuple[int, float]]]
"""Merge requests by deployment, each with its lead time in seconds."""


def reachable(project: Project, sha: str) -> set[str]:
    """Walk back from a commit to the very first one."""
    found, waiting = set[str](), [sha]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += project.commits[one].parents
    return found


def brought(project: Project, environment: Environment, world: World) -> Found:
    """Tell from the commit graph alone what each deployment of an environment brought, by force.

    The first one is left out, as everybody does.
    """
    successes = [
        one
        for one in world.deployments.values()
        if one.environment is environment and one.status == "success" and one.finished_at
    ]
    found: Found = {}
    had: set[str] = set()
    for number, one in enumerate(sorted(successes, key=lambda one: one.id)):
        new = reachable(project, one.sha) - had
        had |= new
        if number and one.finished_at:
            found[one.id] = [
                (each.iid, (one.finished_at - each.merged_at).total_seconds())
                for each in project.merge_requests.values()
                if each.merged_at
                and (each.merge_commit_sha or each.squash_commit_sha or each.sha) in new
            ]
    return found


def questions(gitlab: SimulatedGitLab, what: str = "/repository/compare") -> int:
    return sum(one.path.endswith(what) for one in gitlab.requests)


def listings(gitlab: SimulatedGitLab) -> int:
    """How often the merge requests of a project were listed."""
    pattern = re.compile(r"/projects/\d+/merge_requests$")
    return sum(pattern.search(one.path) is not None for one in gitlab.requests)


def shown(exporter: DrivenExporter, project: Project) -> Found:
    """Return what explanations say of each deployment with merge requests that count."""
    found: Found = {}
    for page in range(1, 20):
        answer = exporter.page(
            f"/projects/{project.id}/dora/explain",
            metric="lead_time_for_changes",
            interval="all",
            start_date="2026-01-01",
            per_page="100",
            page=str(page),
        ).json()
        for part in answer["parts"]:
            if part["counted"]:
                assert part["merge_request"]["found_by"] == "compare"
                entry = part["merge_request"]["iid"], part["lead_time"]
                found.setdefault(part["deployment"]["id"], []).append(entry)
        if len(answer["parts"]) < 100:
            return found
    raise AssertionError("too many pages")


def of_tier(project: Project, tier: str) -> Iterable[Environment]:
    return [one for one in project.environments.values() if one.tier == tier]


def ways() -> Iterable[Any]:
    """Every kind of project by both request plans, half of them among the long tests."""
    for number, kind in enumerate(KINDS):
        for graphql in (True, False):
            marks = [pytest.mark.long] if graphql is bool(number % 2) else []
            name = f"{kind}-{'graphql' if graphql else 'rest'}"
            yield pytest.param(kind, graphql, id=name, marks=marks)


@pytest.mark.parametrize(("kind", "graphql"), list(ways()))
def test_lead_times_are_those_of_the_commit_graph(  # noqa: PLR0917 - pytest names them
    world: World,
    gitlab: SimulatedGitLab,
    start: StartExporter,
    clock: FakeClock,
    kind: Kind,
    graphql: bool,
) -> None:
    world.features.graphql = graphql
    project = unlinked(world, kind, seed=3, end=clock(), days=14)
    expected: Found = {}
    for environment in of_tier(project, "production"):
        expected |= brought(project, environment, world)
    lead_times = [waited for some in expected.values() for _, waited in some]
    assert len(lead_times) > 8, "nothing is shown"
    exporter = start(lead_time=COMPARING)
    exporter.poll()
    # REST tells the end of a job, which is a little before that of the deployment.
    slack = 0.0 if graphql or kind == "api" else 0.1
    found = shown(exporter, project)
    assert {one: [iid for iid, _ in some] for one, some in found.items()} == {
        one: [iid for iid, _ in some] for one, some in expected.items() if some
    }
    for one, some in found.items():
        assert [waited for _, waited in some] == pytest.approx(
            [waited for _, waited in expected[one]], rel=0, abs=slack
        )
    number = exporter.dora(
        f"projects/{project.id}", "lead_time_for_changes", interval="all", start_date="2026-01-01"
    )
    assert number == pytest.approx(median(lead_times), rel=0, abs=slack)
    assert exporter.lead_time(project.path) == number
    # Once and for all, over a restart too.
    gitlab.requests.clear()
    for _ in range(2):
        clock.advance(minutes=5)
        exporter.poll()
        exporter.close()
        exporter = start(lead_time=COMPARING)
    assert questions(gitlab) == listings(gitlab) == 0
    assert shown(exporter, project) == found


@pytest.mark.parametrize("graphql", [True, False], ids=["graphql", "rest"])
def test_nothing_is_asked_unless_it_is_wanted(
    world: World, gitlab: SimulatedGitLab, start: StartExporter, clock: FakeClock, graphql: bool
) -> None:
    world.features.graphql = graphql
    for kind in KINDS:
        unlinked(world, kind, seed=1, end=clock(), days=4)
    exporter = start()
    for _ in range(3):
        exporter.poll()
        clock.advance(minutes=10)
    assert questions(gitlab) == listings(gitlab) == 0
    assert exporter.stored(LINKS) == []


def test_where_gitlab_links_nothing_is_asked(
    world: World, gitlab: SimulatedGitLab, start: StartExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    for hours in (30, 20, 10):
        deploy(world, production, HOUR, ago=hours * HOUR)
    exporter = start(lead_time=COMPARING)
    exporter.poll()
    clock.advance(minutes=10)
    exporter.poll()
    assert questions(gitlab) == listings(gitlab) == 0
    assert exporter.merge_requests("acme/app") == 3


class Repository:
    """A project merged by fast-forward, deployed from its trunk step by step."""

    def __init__(self, world: World, path: str = "acme/app") -> None:
        self.world = world
        founded = world.clock() - timedelta(days=60)
        self.project = world.add_project(path, created_at=founded)
        self.production = world.add_environment(self.project, "production", created_at=founded)
        self.head = add_commit(world, self.project, at=founded)
        self.deploy(ago=50 * 24 * HOUR)

    def merge(self, *, ago: float) -> None:
        """Merge a new commit."""
        at = (self.world.clock() - timedelta(seconds=ago)).replace(microsecond=0)
        self.head = add_commit(self.world, self.project, self.head, at=at - timedelta(minutes=9))
        fast_forward(self.world, self.project, self.head, at=at)

    def deploy(self, *, ago: float, sha: str = "") -> Deployment:
        """Deploy the trunk, or another commit."""
        return deploy(self.world, self.production, ago=ago, sha=sha or self.head)


def linked(exporter: DrivenExporter) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for deployment, iid in exporter.stored(LINKS):
        found.setdefault(deployment, set()).add(iid)
    return found


@pytest.fixture
def repository(world: World) -> Repository:
    return Repository(world)


@pytest.fixture
def exporter(start: StartExporter) -> DrivenExporter:
    return start(lead_time=COMPARING)


def test_a_new_deployment_is_compared_when_gitlab_has_had_its_time(
    repository: Repository, exporter: DrivenExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    exporter.poll()
    repository.merge(ago=HOUR)
    deployment = repository.deploy(ago=0)
    clock.advance(minutes=1)
    exporter.poll()
    assert questions(gitlab) == 0
    clock.advance(minutes=5)
    exporter.poll()
    assert linked(exporter) == {deployment.id: {1}}
    assert questions(gitlab) == listings(gitlab) == 1
    assert exporter.lead_time("acme/app") == HOUR


def test_a_roll_back_and_the_way_forward_bring_nothing_twice(
    repository: Repository, exporter: DrivenExporter, gitlab: SimulatedGitLab
) -> None:
    first = repository.head
    repository.merge(ago=20 * HOUR)
    second, one = repository.head, repository.deploy(ago=19 * HOUR)
    repository.deploy(ago=18 * HOUR, sha=first)
    repository.deploy(ago=17 * HOUR, sha=second)
    repository.merge(ago=16 * HOUR)
    repository.deploy(ago=15 * HOUR, sha=first)
    other = repository.deploy(ago=14 * HOUR)
    exporter.poll()
    assert linked(exporter) == {one.id: {1}, other.id: {2}}
    # What was deployed already is known without a question.
    assert questions(gitlab) == 2


def test_a_roll_back_to_what_is_not_known_is_one_too(
    repository: Repository, start: StartExporter
) -> None:
    """Its commit was deployed before the history; comparing tells that it has nothing new."""
    repository.merge(ago=40 * 24 * HOUR)
    forgotten = repository.head
    repository.deploy(ago=40 * 24 * HOUR)
    repository.merge(ago=20 * 24 * HOUR)
    repository.deploy(ago=20 * 24 * HOUR)
    repository.deploy(ago=19 * HOUR, sha=forgotten)
    repository.merge(ago=18 * HOUR)
    last = repository.deploy(ago=17 * HOUR)
    exporter = start(lead_time=COMPARING, poll={"history": "25d"}, windows=["7d"])
    exporter.poll()
    assert linked(exporter) == {last.id: {3}}
    assert exporter.lead_time("acme/app", "7d") == HOUR


def test_one_link_of_gitlab_is_enough_to_leave_a_deployment_alone(
    repository: Repository, exporter: DrivenExporter, world: World, gitlab: SimulatedGitLab
) -> None:
    base = repository.head
    repository.merge(ago=20 * HOUR)
    at = world.clock() - timedelta(hours=19)
    branch = add_commit(world, repository.project, base, at=at)
    repository.head, merged = merge_commit(
        world, repository.project, repository.head, branch, at=at
    )
    mixed = deploy(
        world,
        repository.production,
        ago=18 * HOUR,
        sha=repository.head,
        merge_requests=[merged],
    )
    repository.merge(ago=17 * HOUR)
    after = repository.deploy(ago=16 * HOUR)
    exporter.poll()
    assert linked(exporter) == {mixed.id: {2}, after.id: {3}}
    assert questions(gitlab) == 1
    assert exporter.stored(
        "SELECT deployment_id, method FROM deployment_merge_requests ORDER BY 1"
    ) == [(mixed.id, 0), (after.id, 1)]
    for method in ("gitlab", "compare"):
        assert exporter.value("exporter_links_total", method=method) == 1


@pytest.mark.usefixtures("repository")
def test_the_first_deployment_stays_without(
    exporter: DrivenExporter, gitlab: SimulatedGitLab
) -> None:
    exporter.poll()
    assert questions(gitlab) == 0
    assert exporter.merge_requests("acme/app") == 0


def test_a_poll_asks_only_so_much_and_the_next_goes_on(
    world: World,
    gitlab: SimulatedGitLab,
    start: StartExporter,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gaps, "ASKED_A_POLL", 10)
    repositories = [Repository(world, f"acme/app-{number}") for number in range(4)]
    expected = {}
    for number, one in enumerate(repositories):
        for step in range(4 + 3 * number):
            one.merge(ago=(40 - step) * HOUR)
            expected[one.deploy(ago=(40 - step) * HOUR - 60).id] = {step + 1}
    exporter = start(lead_time=COMPARING)
    polls = []
    for number in range(12):
        gitlab.requests.clear()
        exporter.poll()
        polls.append(questions(gitlab))
        clock.advance(minutes=5)
        if number == 2:
            exporter.close()
            exporter = start(lead_time=COMPARING)
    assert max(polls) <= 10
    assert sum(polls) == len(expected) == 34
    assert sum(number > 0 for number in polls) >= 4
    assert linked(exporter) == expected


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", match="/repository/compare", status=403),
        Fault("status", match="/repository/compare", status=404),
        Fault("status", match=r"/merge_requests\?", status=403),
    ],
    ids=["code", "repository", "merge-requests"],
)
def test_what_may_not_be_read_is_asked_once_a_day(  # noqa: PLR0917 - pytest names them
    repository: Repository,
    exporter: DrivenExporter,
    gitlab: SimulatedGitLab,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    fault: Fault,
) -> None:
    for step in range(4):
        repository.merge(ago=(40 - step) * HOUR)
        repository.deploy(ago=(40 - step) * HOUR - 60)
    gitlab.faults.add(fault)
    exporter.poll()
    asked = questions(gitlab)
    for _ in range(5):
        clock.advance(hours=1)
        assert exporter.poll()
    assert questions(gitlab) == asked <= 4
    told = [one for one in caplog.records if "commits cannot be compared" in one.getMessage()]
    assert len(told) == 1
    assert exporter.recent("acme/app") == 4
    assert exporter.value("exporter_stale_projects") == 0
    gitlab.faults.clear()
    clock.advance(hours=24)
    exporter.poll()
    assert sorted(map(len, linked(exporter).values())) == [1] * 4


def test_a_commit_that_is_gone_is_asked_about_once(
    repository: Repository, exporter: DrivenExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    repository.merge(ago=20 * HOUR)
    repository.deploy(ago=19 * HOUR, sha="0" * 40)
    repository.deploy(ago=18 * HOUR)
    repository.merge(ago=17 * HOUR)
    last = repository.deploy(ago=16 * HOUR)
    for _ in range(4):
        exporter.poll()
        clock.advance(hours=9)
    # From and to what is gone nothing is told; what comes behind it is.
    assert questions(gitlab) == 3
    assert linked(exporter) == {last.id: {2}}


def test_a_failure_is_tried_again_later_and_fails_no_poll(
    repository: Repository, exporter: DrivenExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    repository.merge(ago=20 * HOUR)
    first = repository.deploy(ago=19 * HOUR)
    repository.merge(ago=18 * HOUR)
    second = repository.deploy(ago=17 * HOUR)
    fault = gitlab.faults.add(Fault("status", match="/repository/compare", status=502))
    assert exporter.poll()
    met = fault.met
    assert met == 4  # one comparison, tried as often as everything
    assert exporter.recent("acme/app") == 2
    assert exporter.value("exporter_project_poll_errors_total") == 0
    gitlab.faults.clear()
    clock.advance(minutes=5)
    exporter.poll()
    assert linked(exporter) == {second.id: {2}}
    clock.advance(hours=1)
    exporter.poll()
    assert linked(exporter) == {first.id: {1}, second.id: {2}}


def test_where_gitlab_fails_often_it_is_left_alone_until_the_next_poll(
    world: World, start: StartExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    for number in range(8):
        one = Repository(world, f"acme/app-{number}")
        one.merge(ago=20 * HOUR)
        one.deploy(ago=19 * HOUR)
    exporter = start(lead_time=COMPARING, gitlab={"concurrency": 1})
    fault = gitlab.faults.add(Fault("status", match="/repository/compare", status=502))
    for poll in (1, 2):
        assert exporter.poll()
        assert fault.met == poll * 3 * 4  # each is tried four times
        clock.advance(minutes=5)
    gitlab.faults.clear()
    clock.advance(hours=1)
    exporter.poll()
    assert len(linked(exporter)) == 8


def test_a_project_that_comes_back_into_scope_is_finished(
    repository: Repository, start: StartExporter, world: World
) -> None:
    Repository(world, "acme/other")
    repository.merge(ago=20 * HOUR)
    deployment = repository.deploy(ago=19 * HOUR)
    before = start()
    before.poll()
    before.close()
    exporter = start(lead_time=COMPARING)
    scopes = exporter.service.store.scope
    usual = scopes.load
    with pytest.MonkeyPatch.context() as patch:
        others = tuple(one for one in usual().projects if one.path == "acme/other")
        patch.setattr(scopes, "load", lambda: replace(usual(), projects=others))
        exporter.poll()
        assert linked(exporter) == {}
    exporter.poll()
    assert linked(exporter) == {deployment.id: {1}}


def test_switched_on_later_it_finds_what_was_left(
    repository: Repository, start: StartExporter
) -> None:
    repository.merge(ago=20 * HOUR)
    deployment = repository.deploy(ago=19 * HOUR)
    before = start()
    before.poll()
    assert linked(before) == {}
    before.close()
    after = start(lead_time=COMPARING)
    after.poll()
    assert linked(after) == {deployment.id: {1}}
    after.close()
    # Switched off again, what was found stays.
    assert start().lead_time("acme/app") == HOUR
