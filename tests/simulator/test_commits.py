"""Commits, what lies between two of them, and merge requests that landed as one."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from exporter.simulator import World
from exporter.simulator.commits import add_commit, fast_forward, merge_commit, squash
from exporter.simulator.estate.unlinked import KINDS, Kind, unlinked
from exporter.simulator.records import Project
from tests.simulator.conftest import NOON, Caller

COMPARE = "/projects/1/repository/compare"
HOUR = timedelta(hours=1)


@pytest.fixture
def project(world: World) -> Project:
    return world.add_project("group/app")


@pytest.fixture
def commit(world: World, project: Project) -> Callable[..., str]:
    return lambda *parents: add_commit(world, project, *parents, at=NOON)


def test_a_comparison_has_what_git_log_has(caller: Caller, commit: Callable[..., str]) -> None:
    first = commit()
    left, right = commit(first), commit(first)
    merge = commit(left, right)
    last = commit(merge)

    def shas(start: str, end: str) -> set[str]:
        answer = caller.get(COMPARE, **{"from": start, "to": end, "straight": "true"}).json()
        assert answer["compare_same_ref"] is (start == end)
        return {one["id"] for one in answer["commits"]}

    assert shas(first, last) == {left, right, merge, last}
    assert shas(left, last) == {right, merge, last}
    assert shas(left, right) == {right}
    assert shas(last, left) == shas(last, last) == set()


@pytest.mark.parametrize(
    ("missing", "status", "body"),
    [
        ("from", 400, {"error": "from is missing"}),
        ("to", 400, {"error": "to is missing"}),
        ("commit", 404, {"message": "404 Ref Not Found"}),
    ],
)
def test_what_cannot_be_compared_is_refused(
    caller: Caller, commit: Callable[..., str], missing: str, status: int, body: dict[str, str]
) -> None:
    end = commit(commit())
    query = {"from": "0" * 40 if missing == "commit" else end, "to": end}
    query.pop(missing, None)
    answer = caller.get(COMPARE, **query)
    assert (answer.status_code, answer.json()) == (status, body)


def test_guests_compare_nothing(
    world: World, caller: Caller, project: Project, commit: Callable[..., str]
) -> None:
    guest = world.add_user("guest")
    world.add_member(project, guest, 10)
    world.add_token("glpat-guest", user=guest, scopes=("read_api",))
    end = commit()
    answer = caller.using("glpat-guest").get(COMPARE, **{"from": end, "to": end})
    assert answer.status_code == 403


def test_a_merge_request_tells_as_which_commit_it_landed(
    world: World, caller: Caller, project: Project, commit: Callable[..., str]
) -> None:
    trunk = commit()
    forwarded, _ = fast_forward(world, project, commit(trunk), at=NOON)
    branch = commit(forwarded)
    squashed, _ = squash(world, project, forwarded, branch, at=NOON + HOUR)
    other = commit(forwarded)
    merged, _ = merge_commit(world, project, squashed, other, at=NOON + 2 * HOUR)
    rows = caller.get("/projects/1/merge_requests", order_by="updated_at", sort="asc").json()
    assert [(one["sha"], one["merge_commit_sha"], one["squash_commit_sha"]) for one in rows] == [
        (forwarded, None, None),
        (branch, None, squashed),
        (other, merged, None),
    ]
    assert project.commits[squashed].parents == (forwarded,)
    assert project.commits[merged].parents == (squashed, other)


@pytest.mark.parametrize("kind", KINDS)
def test_an_estate_has_deployments_and_no_links(world: World, kind: Kind) -> None:
    project = unlinked(world, kind, seed=1, end=NOON)
    deployments = [*world.deployments.values()]
    assert len(deployments) > 20
    assert len(project.merge_requests) > 10
    assert all(one.sha in project.commits and not one.merge_requests for one in deployments)
    shas = [(one.environment.id, one.sha) for one in deployments]
    assert len(set(shas)) < len(shas), "no roll-back"
    assert {one.status for one in deployments} == {"success", "failed"}
    assert {one.deployable for one in deployments} == {kind != "api"}
    assert all((one.environment.folder is not None) is (kind == "folder") for one in deployments)
