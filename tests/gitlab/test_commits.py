"""Commits between two others, and the merge requests that they come from."""

from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from exporter.gitlab import Client, NotFoundError
from exporter.gitlab import commits as asked
from exporter.gitlab.commits import Commits, Repositories
from exporter.gitlab.errors import BadAnswerError, ForbiddenError
from exporter.instant import from_datetime, iso
from exporter.simulator import SimulatedGitLab, World
from exporter.simulator.commits import add_commit, fast_forward, merge_commit, squash
from exporter.simulator.faults import Fault
from exporter.simulator.records import Project

HOUR = timedelta(hours=1)


@pytest.fixture
def project(world: World) -> Project:
    return world.add_project("group/app")


@pytest.fixture
def repositories(client: Client) -> Repositories:
    return Repositories(client)


def test_commits_between_and_when_the_earliest_was_made(
    world: World, project: Project, repositories: Repositories
) -> None:
    noon = world.clock().replace(microsecond=0)
    first = add_commit(world, project, at=noon - 9 * HOUR)
    second = add_commit(world, project, first, at=noon - 2 * HOUR)
    third = add_commit(world, project, second, at=noon - 3 * HOUR)
    found = repositories.between(project.id, first, third)
    assert found == Commits(frozenset({second, third}), from_datetime(noon - 3 * HOUR))
    assert repositories.between(project.id, third, first) == Commits(frozenset())


def test_each_way_to_merge_is_found_by_the_commit_as_which_it_landed(
    world: World, project: Project, repositories: Repositories
) -> None:
    noon = world.clock().replace(microsecond=0)
    trunk = start = add_commit(world, project, at=noon - 9 * HOUR)
    trunk, forwarded = fast_forward(
        world, project, add_commit(world, project, trunk, at=noon - 8 * HOUR), at=noon - 7 * HOUR
    )
    branch = add_commit(world, project, trunk, at=noon - 6 * HOUR)
    trunk, squashed = squash(world, project, trunk, branch, at=noon - 5 * HOUR)
    other = add_commit(world, project, trunk, at=noon - 4 * HOUR)
    trunk, merged = merge_commit(world, project, trunk, other, at=noon - 3 * HOUR)
    between = repositories.between(project.id, start, trunk)
    found = repositories.landed(project.id, [between]).among(between)
    assert [(one.iid, one.merged_at) for one in found] == [
        (one.iid, from_datetime(one.merged_at))
        for one in (forwarded, squashed, merged)
        if one.merged_at
    ]
    # Its head is there before a branch is merged: that alone says nothing.
    head = repositories.between(project.id, start, other)
    assert merged.iid not in {
        one.iid for one in repositories.landed(project.id, [head]).among(head)
    }


def test_one_list_serves_several_comparisons_and_ends_at_the_earliest(
    world: World, gitlab: SimulatedGitLab, project: Project, repositories: Repositories
) -> None:
    noon = world.clock().replace(microsecond=0)
    heads = [add_commit(world, project, at=noon - timedelta(days=30))]
    for day in range(20, 0, -1):
        at = noon - timedelta(days=day)
        heads.append(
            fast_forward(world, project, add_commit(world, project, heads[-1], at=at), at=at)[0]
        )
    ranges = [repositories.between(project.id, *heads[one : one + 2]) for one in (10, 15, 19)]
    gitlab.requests.clear()
    landed = repositories.landed(project.id, ranges)
    assert [[one.iid for one in landed.among(some)] for some in ranges] == [[11], [16], [20]]
    (request,) = gitlab.requests
    assert landed.requests == 1
    query = parse_qs(request.query)
    assert query["updated_after"] == [iso(from_datetime(noon - timedelta(days=11)))]


def test_a_list_without_end_is_read_in_part(
    world: World,
    project: Project,
    repositories: Repositories,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asked, "MOST_PAGES", 2)
    world.features.largest_page = 3
    at = world.clock()
    heads = [add_commit(world, project, at=at)]
    for number in range(9):
        later = at + timedelta(minutes=number)
        heads.append(
            fast_forward(world, project, add_commit(world, project, heads[-1], at=at), at=later)[0]
        )
    between = repositories.between(project.id, heads[0], heads[-1])
    landed = repositories.landed(project.id, [between])
    assert landed.requests == 2
    assert [one.iid for one in landed.among(between)] == [4, 5, 6, 7, 8, 9]


def test_refusals_are_told_apart(
    world: World, gitlab: SimulatedGitLab, project: Project, repositories: Repositories
) -> None:
    sha = add_commit(world, project, at=world.clock())
    with pytest.raises(NotFoundError, match="Ref Not Found"):
        repositories.between(project.id, sha, "0" * 40)
    gitlab.faults.add(Fault("status", match="compare", status=403))
    with pytest.raises(ForbiddenError):
        repositories.between(project.id, sha, sha)


def test_an_answer_without_commits_is_no_answer(
    world: World, gitlab: SimulatedGitLab, project: Project, repositories: Repositories
) -> None:
    sha = add_commit(world, project, at=world.clock())
    gitlab.faults.add(Fault("missing_fields", match="compare", fields=("commits",)))
    with pytest.raises(BadAnswerError, match="commits"):
        repositories.between(project.id, sha, sha)
