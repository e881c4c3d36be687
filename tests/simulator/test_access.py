from datetime import timedelta

import pytest
import requests

from exporter.simulator import DEFAULT_TOKEN, World
from exporter.simulator.world import Project, User
from tests.simulator.conftest import NOON, Caller

REPORTER, GUEST = 20, 10


@pytest.fixture
def project(world: World) -> Project:
    return world.add_project("top/sub/app")


@pytest.fixture
def user(world: World) -> User:
    user = world.add_user("ann")
    world.add_token("ann-token", user=user)
    return user


@pytest.fixture
def ann(caller: Caller, user: User) -> Caller:
    return caller.using(f"{user.username}-token")


@pytest.mark.parametrize("token", [None, "wrong", "revoked", "expired"])
def test_unusable_token_is_refused(caller: Caller, world: World, token: str | None) -> None:
    world.add_token("revoked", revoked=True)
    world.add_token("expired", expires_at=NOON)
    response = caller.using(token).get("/projects")
    assert (response.status_code, response.json()) == (401, {"message": "401 Unauthorized"})


@pytest.mark.parametrize("token", ["revoked", "expired"])
def test_unusable_token_is_told_from_an_unknown_one(
    caller: Caller, world: World, token: str
) -> None:
    world.features.token_reasons = True
    world.add_token("revoked", revoked=True)
    world.add_token("expired", expires_at=NOON)
    response = caller.using(token).get("/projects")
    assert (response.status_code, response.json()["error"]) == (401, "invalid_token")
    assert token in response.json()["error_description"]
    unknown = caller.using("wrong").get("/projects")
    assert (unknown.status_code, unknown.json()) == (401, {"message": "401 Unauthorized"})


def test_token_works_until_it_expires(caller: Caller, world: World) -> None:
    world.add_token("short", expires_at=NOON + timedelta(seconds=1))
    assert caller.using("short").get("/user").status_code == 200


def test_token_is_taken_from_three_places(caller: Caller) -> None:
    url = f"{caller.url}/api/v4/user"
    answers = [
        requests.get(url, headers={"PRIVATE-TOKEN": DEFAULT_TOKEN}, timeout=5),
        requests.get(url, headers={"Authorization": f"Bearer {DEFAULT_TOKEN}"}, timeout=5),
        requests.get(url, params={"private_token": DEFAULT_TOKEN}, timeout=5),
    ]
    assert [answer.json()["username"] for answer in answers] == ["root"] * 3


def test_blocked_user_is_refused(ann: Caller, user: User) -> None:
    user.state = "blocked"
    assert ann.get("/user").status_code == 403
    assert ann.post({"query": "{ currentUser { id } }"}).status_code == 403


def test_scope_too_narrow_is_named(caller: Caller, world: World) -> None:
    world.add_token("narrow", scopes=["read_user"])
    narrow = caller.using("narrow")
    assert narrow.get("/projects").json()["error"] == "insufficient_scope"
    assert narrow.get("/personal_access_tokens/self").json()["scopes"] == ["read_user"]


def test_stranger_sees_neither_project_nor_group(ann: Caller, project: Project) -> None:
    for path in (f"/projects/{project.id}", f"/projects/{project.id}/deployments"):
        response = ann.get(path)
        assert (response.status_code, response.json()) == (
            404,
            {"message": "404 Project Not Found"},
        )
    response = ann.get("/groups/top")
    assert (response.status_code, response.json()) == (404, {"message": "404 Group Not Found"})
    assert ann.ids("/projects") == ann.ids("/groups") == []


def test_guest_sees_the_project_but_not_its_deployments(
    ann: Caller, world: World, project: Project, user: User
) -> None:
    world.add_member(project, user, GUEST)
    assert ann.get(f"/projects/{project.id}").status_code == 200
    for part in ("deployments", "environments", "merge_requests"):
        response = ann.get(f"/projects/{project.id}/{part}")
        assert (response.status_code, response.json()) == (403, {"message": "403 Forbidden"})


@pytest.mark.parametrize("place", ["project", "group", "above", "invited", "invited above"])
def test_reporter_by_any_route_reads_deployments(
    ann: Caller, world: World, project: Project, user: User, place: str
) -> None:
    guests = world.add_group("guests")
    match place:
        case "project":
            world.add_member(project, user, REPORTER)
        case "group":
            world.add_member(project.namespace, user, REPORTER)
        case "above":
            world.add_member(world.add_group("top"), user, REPORTER)
        case "invited":
            world.add_member(guests, user, 40)
            world.share_group(project, guests, REPORTER)
        case _:
            world.add_member(guests, user, 40)
            world.share_group(world.add_group("top"), guests, REPORTER)
    assert ann.get(f"/projects/{project.id}/deployments").status_code == 200
    member = ann.get(f"/projects/{project.id}/members/all/{user.id}").json()
    assert member["access_level"] == REPORTER
    assert ann.ids("/projects", min_access_level=20) == [project.id]
    assert ann.ids("/projects", min_access_level=30) == []


def test_invitation_caps_the_level_and_is_capped_by_it(
    ann: Caller, world: World, project: Project, user: User
) -> None:
    guests = world.add_group("guests")
    world.add_member(guests, user, GUEST)
    world.share_group(project, guests, 40)
    assert ann.get(f"/projects/{project.id}/deployments").status_code == 403


def test_permissions_miss_invitations_and_lists_miss_ancestors(
    ann: Caller, world: World, project: Project, user: User
) -> None:
    world.add_member(world.add_group("top"), user, REPORTER)
    one = ann.get(f"/projects/{project.id}").json()["permissions"]
    assert one["project_access"] is None
    assert one["group_access"]["access_level"] == REPORTER
    listed = ann.get("/projects").json()[0]["permissions"]
    assert listed == {"project_access": None, "group_access": None}


def test_public_project_shows_itself_but_not_its_deployments(ann: Caller, world: World) -> None:
    project = world.add_project("open/app", visibility="public")
    assert ann.get(f"/projects/{project.id}").status_code == 200
    assert ann.get(f"/projects/{project.id}/deployments").status_code == 403
    assert ann.ids(f"/projects/{project.id}/merge_requests") == []


def test_stranger_is_no_member(caller: Caller, project: Project, user: User) -> None:
    response = caller.get(f"/projects/{project.id}/members/all/{user.id}")
    assert (response.status_code, response.json()) == (404, {"message": "404 Not found"})


def test_member_of_a_project_sees_the_groups_above(
    ann: Caller, world: World, project: Project, user: User
) -> None:
    world.add_member(project, user, REPORTER)
    assert ann.get("/groups/top").json()["full_path"] == "top"
    assert ann.get(f"/groups/top/members/all/{user.id}").status_code == 404
