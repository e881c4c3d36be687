from collections.abc import Callable, Mapping
from typing import Any

import pytest

from exporter.gitlab import (
    Client,
    NotFoundError,
    UnauthorizedError,
    discover_group,
    discover_many,
    discover_project,
)
from exporter.simulator import Fault, SimulatedGitLab, World
from exporter.store import Discovered
from tests.gitlab.conftest import Clients
from tests.gitlab.server import Answering, Asked, ScriptedServer, Told


def in_group(
    client: Client, group: str | int = "top", *, subgroups: bool = True, archived: bool = False
) -> Discovered:
    return discover_group(client, group, include_subgroups=subgroups, archived=archived)


def paths(found: Mapping[int, str]) -> list[str]:
    return sorted(found.values())


def ids_are_true(world: World, found: Discovered) -> bool:
    return all(world.projects[one].path == path for one, path in found.projects.items()) and all(
        world.groups[one].path == path for one, path in found.groups.items()
    )


def test_group_holds_what_lies_below(gitlab: SimulatedGitLab, world: World, client: Client) -> None:
    for path in ("top/app", "top/sub/api", "top/sub/deep/web", "side/app", "topping/app"):
        world.add_project(path)
    found = in_group(client)
    assert paths(found.projects) == ["top/app", "top/sub/api", "top/sub/deep/web"]
    assert paths(found.groups) == ["top", "top/sub", "top/sub/deep"]
    assert ids_are_true(world, found)
    assert len(gitlab.requests) == 3


def test_subgroups_may_be_left_out(gitlab: SimulatedGitLab, world: World, client: Client) -> None:
    for path in ("top/app", "top/sub/api"):
        world.add_project(path)
    found = in_group(client, subgroups=False)
    assert (paths(found.projects), paths(found.groups)) == (["top/app"], ["top"])
    assert len(gitlab.requests) == 2


@pytest.mark.parametrize("by", ["id", "path"])
def test_group_inside_another(world: World, client: Client, by: str) -> None:
    for path in ("top/app", "top/sub/api"):
        world.add_project(path)
    group = world.add_group("top/sub")
    found = in_group(client, group.id if by == "id" else "top/sub")
    assert found == Discovered({2: "top/sub/api"}, {group.id: "top/sub"})


def test_groups_that_hold_no_project_are_found_too(
    gitlab: SimulatedGitLab, world: World, client: Client
) -> None:
    world.add_project("top/a/b/c/app")
    world.add_group("top/empty")
    found = in_group(client)
    assert paths(found.groups) == ["top", "top/a", "top/a/b", "top/a/b/c", "top/empty"]
    assert ids_are_true(world, found)
    assert gitlab.requests[-1].endpoint == "GET /groups/:id/descendant_groups"
    assert len(gitlab.requests) == 3


def test_where_subgroups_cannot_be_listed_the_projects_tell_of_theirs(
    gitlab: SimulatedGitLab, world: World, client: Client
) -> None:
    world.add_project("top/between/deep/app")
    world.add_group("top/empty")
    gitlab.faults.add(Fault("status", match="descendant_groups", status=404))
    found = in_group(client)
    assert paths(found.groups) == ["top", "top/between", "top/between/deep"]
    assert ids_are_true(world, found)


def test_a_token_that_is_revoked_meanwhile_takes_no_group_away(
    gitlab: SimulatedGitLab, world: World, client: Client
) -> None:
    world.add_project("top/app")
    world.add_group("top/empty")
    gitlab.faults.add(Fault("status", match="descendant_groups", status=401))
    with pytest.raises(UnauthorizedError):
        in_group(client)


@pytest.mark.parametrize("kind", ["missing_fields", "null_fields"])
def test_projects_without_their_namespace_still_have_their_groups(
    gitlab: SimulatedGitLab, world: World, client: Client, kind: Any
) -> None:
    for path in ("top/app", "top/sub/api"):
        world.add_project(path)
    gitlab.faults.add(Fault(kind, fields=("namespace",)))
    found = in_group(client)
    assert paths(found.projects) == ["top/app", "top/sub/api"]
    assert paths(found.groups) == ["top", "top/sub"]
    assert ids_are_true(world, found)


@pytest.mark.parametrize(
    ("archived", "expected"), [(False, ["top/app"]), (True, ["top/app", "top/old"])]
)
def test_archived_projects_come_only_when_wanted(
    world: World, client: Client, archived: bool, expected: list[str]
) -> None:
    world.add_project("top/app")
    world.add_project("top/old", archived=True)
    assert paths(in_group(client, archived=archived).projects) == expected


def test_shared_projects_are_not_in_the_group(world: World, client: Client) -> None:
    world.share_group(world.add_project("side/app"), world.add_group("top"), 30)
    assert in_group(client).projects == {}


def test_empty_group_is_a_group(world: World, client: Client) -> None:
    group = world.add_group("top")
    assert in_group(client) == Discovered({}, {group.id: "top"})


def test_many_projects_are_read_page_by_page(
    gitlab: SimulatedGitLab, world: World, client: Client
) -> None:
    for number in range(230):
        world.add_project(f"top/sub-{number % 7}/app-{number}")
    found = in_group(client)
    assert (len(found.projects), len(found.groups)) == (230, 8)
    assert len(gitlab.requests) == 5


def test_namespaces_outside_the_group_do_not_come_with_a_project(
    serve: Callable[[Answering], ScriptedServer], clients: Clients
) -> None:
    personal = {"id": 5, "full_path": "ada", "kind": "user", "parent_id": None}
    outside = {"id": 6, "full_path": "topping/sub", "kind": "group", "parent_id": 7}

    def answer(asked: Asked) -> Told:
        if asked.path.endswith("/projects"):
            return Told(
                [
                    {"id": 1, "path_with_namespace": "ada/app", "namespace": personal},
                    {"id": 2, "path_with_namespace": "topping/sub/app", "namespace": outside},
                ]
            )
        return Told(
            [] if asked.path.endswith("/descendant_groups") else {"id": 3, "full_path": "top"}
        )

    assert in_group(clients(serve(answer).url)).groups == {3: "top"}


@pytest.mark.parametrize("group", ["no/such", 99])
def test_unknown_group_is_not_found(client: Client, group: str | int) -> None:
    with pytest.raises(NotFoundError):
        in_group(client, group)


# Single projects


@pytest.mark.parametrize("project", ["top/sub/app", 1])
def test_project_brings_no_group(world: World, client: Client, project: str | int) -> None:
    world.add_project("top/sub/app")
    assert discover_project(client, project) == Discovered({1: "top/sub/app"}, {})


def test_personal_project_is_a_project(
    serve: Callable[[Answering], ScriptedServer], clients: Clients
) -> None:
    namespace = {"id": 5, "full_path": "ada", "kind": "user", "parent_id": None}
    server = serve(
        lambda _: Told({"id": 1, "path_with_namespace": "ada/app", "namespace": namespace})
    )
    assert discover_project(clients(server.url), "ada/app") == Discovered({1: "ada/app"}, {})


def test_moved_project_is_found_by_its_old_path(world: World, client: Client) -> None:
    world.move_project(world.add_project("top/app"), "side/app")
    assert discover_project(client, "top/app") == Discovered({1: "side/app"}, {})


@pytest.mark.parametrize("project", ["no/such", 99])
def test_unknown_project_is_not_found(client: Client, project: str | int) -> None:
    with pytest.raises(NotFoundError):
        discover_project(client, project)


def test_many_projects_are_found_together(
    gitlab: SimulatedGitLab, world: World, client: Client
) -> None:
    for number in range(100):
        world.add_project(f"top/app-{number}")
    entries: list[str | int] = [
        one.id if one.id <= 60 else one.path for one in world.projects.values()
    ]
    found = discover_many(client, entries)
    assert list(found) == entries
    assert {one: path for some in found.values() for one, path in some.projects.items()} == {
        one.id: one.path for one in world.projects.values()
    }
    assert {record.status for record in gitlab.requests} == {200}
    assert len(gitlab.requests) == 3


def test_projects_that_are_not_found_together_are_left_out(world: World, client: Client) -> None:
    world.add_project("top/app")
    world.move_project(world.add_project("top/moved"), "top/away")
    found = discover_many(client, ["top/moved", "no/such", 99, "top/app", 1])
    assert found == dict.fromkeys(["top/app", 1], Discovered({1: "top/app"}, {}))


@pytest.mark.parametrize("failure", ["no GraphQL", "refused", "down"])
def test_projects_cannot_always_be_found_together(
    gitlab: SimulatedGitLab, world: World, client: Client, failure: str
) -> None:
    world.add_project("top/app")
    if failure == "no GraphQL":
        world.features.graphql = False
    elif failure == "refused":
        world.features.max_graphql_complexity = 1
    else:
        gitlab.faults.add(Fault("status", status=503))
    assert discover_many(client, ["top/app"]) == {}


@pytest.mark.parametrize("odd", [2**70, None, True, {}])
def test_a_project_that_cannot_be_read_is_named_and_hides_no_other(
    gitlab: SimulatedGitLab,
    world: World,
    client: Client,
    odd: object,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for number, path in ((7001, "top/app"), (7002, "top/odd"), (7003, "top/sub/api")):
        world.add_project(path, id=number)
    gitlab.faults.add(Fault("odd_values", swap=((7002, odd),)))
    found = in_group(client)
    assert paths(found.projects) == ["top/app", "top/sub/api"]
    assert not found.whole
    (line,) = [one for one in caplog.records if "left out" in one.message]
    assert line.fields == {  # type: ignore[attr-defined]
        "item": "top/odd",
        "error": "project of top: missing or wrong: id",
    }


def test_a_subgroup_that_cannot_be_read_hides_no_other(
    gitlab: SimulatedGitLab, world: World, client: Client
) -> None:
    world.add_group("top/odd")
    world.add_group("top/sub")
    gitlab.faults.add(Fault("odd_values", swap=(("top/odd", 5),)))
    found = in_group(client)
    assert paths(found.groups) == ["top", "top/sub"]
    assert not found.whole


def test_a_listed_project_that_cannot_be_read_hides_no_other(
    gitlab: SimulatedGitLab, world: World, client: Client
) -> None:
    for name in ("app", "odd"):
        world.add_project(f"top/{name}")
    gitlab.faults.add(Fault("odd_values", swap=(("top/odd", 5),)))
    assert discover_many(client, ["top/app", "top/odd"]).keys() == {"top/app"}
