import pytest
import requests

from exporter.simulator import World
from tests.simulator.conftest import Caller


@pytest.mark.parametrize("reference", ["7", "top%2Fsub%2Fapp", "Top%2fSub%2fApp"])
def test_project_is_found_by_id_and_encoded_path(
    caller: Caller, world: World, reference: str
) -> None:
    world.add_project("top/sub/app", id=7)
    shown = caller.get(f"/projects/{reference}").json()
    assert shown["id"] == 7
    assert shown["namespace"] | {"web_url": ""} == {
        "id": 2,
        "name": "sub",
        "path": "sub",
        "kind": "group",
        "full_path": "top/sub",
        "parent_id": 1,
        "avatar_url": None,
        "web_url": "",
    }


def test_moved_project_redirects_from_its_old_path(caller: Caller, world: World) -> None:
    project = world.add_project("old/app", id=7)
    world.move_project(project, "new/app")
    url = f"{caller.url}/api/v4/projects/old%2Fapp/environments?per_page=5"
    response = requests.get(
        url, headers={"PRIVATE-TOKEN": "sim-token"}, allow_redirects=False, timeout=5
    )
    assert response.status_code == 301
    assert response.headers["Location"] == (
        f"{caller.url}/api/v4/projects/7/environments?per_page=5"
    )
    assert caller.get("/projects/old%2Fapp").json()["path_with_namespace"] == "new/app"


def test_old_path_may_be_taken_anew(caller: Caller, world: World) -> None:
    world.move_project(world.add_project("old/app", id=7), "new/app")
    world.add_project("old/app", id=8)
    assert caller.get("/projects/old%2Fapp").json()["id"] == 8


def test_deleted_project_is_not_found(caller: Caller, world: World) -> None:
    world.delete_project(world.add_project("old/app", id=7))
    assert caller.get("/projects/7").json() == {"message": "404 Project Not Found"}


def test_group_lists_its_projects_as_asked(caller: Caller, world: World) -> None:
    here = world.add_project("top/here")
    below = world.add_project("top/sub/below")
    old = world.add_project("top/old", archived=True)
    guest = world.add_project("else/guest")
    world.share_group(guest, world.add_group("top"), 20)

    def listed(**parameters: str) -> set[int]:
        return set(caller.ids("/groups/top/projects", **parameters))

    assert listed() == {here.id, old.id, guest.id}
    assert listed(include_subgroups="true") == {here.id, below.id, old.id, guest.id}
    assert listed(with_shared="false", archived="false") == {here.id}
    assert listed(archived="true") == {old.id}


def test_simple_leaves_most_out(caller: Caller, world: World) -> None:
    world.add_project("top/app")
    (shown,) = caller.get("/groups/top/projects", simple="true").json()
    assert shown["path_with_namespace"] == "top/app"
    assert "archived" not in shown


def test_projects_are_narrowed_by_id(caller: Caller, world: World) -> None:
    for name in "abcd":
        world.add_project(f"top/{name}")
    assert caller.ids("/projects", id_after=1, id_before=4, order_by="id") == [3, 2]


def test_membership_leaves_out_what_only_an_admin_sees(caller: Caller, world: World) -> None:
    world.add_project("top/app")
    assert caller.ids("/projects", membership="true") == []


def test_what_is_switched_off_is_shown_and_refused(caller: Caller, world: World) -> None:
    project = world.add_project("top/app")
    project.deploys = project.merges = project.jobs = False
    project.merge_method = "ff"
    shown = caller.get("/projects/top%2Fapp").json()
    assert (shown["jobs_enabled"], shown["environments_access_level"]) == (False, "disabled")
    assert (shown["merge_requests_enabled"], shown["merge_method"]) == (False, "ff")
    for part in ("environments", "deployments", "merge_requests"):
        assert caller.get(f"/projects/top%2Fapp/{part}").status_code == 403
    told = caller.ask('{ project(fullPath: "top/app") { environments { nodes { id } } } }')
    assert told == {"project": {"environments": None}}
