import json
from datetime import timedelta
from typing import Any

import pytest

from exporter.simulator import World
from exporter.simulator.world import Project
from tests.simulator.conftest import NOON, Caller, Clock


@pytest.fixture
def project(world: World) -> Project:
    project = world.add_project("top/app")
    for name in ("production", "staging"):
        environment = world.add_environment(project, name)
        for hour in range(3):
            world.add_deployment(environment, created_at=NOON + timedelta(hours=hour))
    return project


def in_project(selection: str) -> str:
    return f'{{ project(fullPath: "top/app") {{ {selection} }} }}'


PRODUCTION = 'environment(name: "production")'


def test_environments_are_read_with_ids_and_tiers(caller: Caller, project: Project) -> None:
    data = caller.ask(in_project("id fullPath environments { nodes { id name tier state } }"))
    assert data["project"]["id"] == f"gid://gitlab/Project/{project.id}"
    assert data["project"]["environments"]["nodes"][0] == {
        "id": "gid://gitlab/Environment/1",
        "name": "production",
        "tier": "PRODUCTION",
        "state": "available",
    }


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_deployments_are_walked_by_cursor(
    caller: Caller, world: World, project: Project, direction: str
) -> None:
    environment = world.environments[1]
    seen: list[str] = []
    after = "null"
    while True:
        query = in_project(
            f"{PRODUCTION} {{ deployments(statuses: [SUCCESS], first: 2, after: {after},"
            f" orderBy: {{finishedAt: {direction}}})"
            " { nodes { iid finishedAt status } pageInfo { hasNextPage endCursor } } }"
        )
        page = caller.ask(query)["project"]["environment"]["deployments"]
        seen += [node["finishedAt"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = json.dumps(page["pageInfo"]["endCursor"])
        # A page goes on where the last one ended, whatever came in front meanwhile.
        early = NOON - timedelta(days=1) if direction == "ASC" else NOON + timedelta(days=1)
        world.add_deployment(environment, created_at=early)
    expected = [f"2026-03-02T{hour}:00:00Z" for hour in (12, 13, 14)]
    assert seen == (expected if direction == "ASC" else expected[::-1])
    assert project.id == 1


def test_several_statuses_are_merged_in_order(caller: Caller, world: World) -> None:
    environment = world.add_environment(world.add_project("top/app"), "production")
    for minute, status in enumerate(("success", "failed", "success", "running")):
        world.add_deployment(
            environment, status=status, created_at=NOON + timedelta(minutes=minute)
        )
    query = in_project(
        f"{PRODUCTION} {{ deployments(statuses: [SUCCESS, FAILED], orderBy: {{finishedAt: DESC}})"
        " { nodes { iid } } }"
    )
    nodes = caller.ask(query)["project"]["environment"]["deployments"]["nodes"]
    assert [node["iid"] for node in nodes] == ["3", "2", "1"]


@pytest.mark.usefixtures("project")
def test_only_one_environment_may_show_its_deployments(caller: Caller) -> None:
    query = in_project(
        'a: environment(name: "production") { deployments { nodes { id } } }'
        ' b: environment(name: "staging") { deployments { nodes { id } } }'
    )
    assert caller.complain(query) == (
        '"deployments" field can be requested only for 1 Environment(s) at a time.'
    )


@pytest.mark.usefixtures("project")
def test_only_one_project_may_show_its_environments(caller: Caller, world: World) -> None:
    world.add_project("top/other")
    query = '{ group(fullPath: "top") { projects { nodes { environments { nodes { id } } } } } }'
    assert caller.complain(query) == (
        '"environments" field can be requested only for 1 Project(s) at a time.'
    )


@pytest.mark.usefixtures("project")
def test_each_query_of_a_multiplex_has_its_own_allowance(caller: Caller) -> None:
    query = in_project(f"{PRODUCTION} {{ deployments {{ nodes {{ iid }} }} }}")
    answers = caller.post([{"query": query}, {"query": query}, {"query": "{ nonsense }"}]).json()
    assert answers[0] == answers[1]
    assert len(answers[0]["data"]["project"]["environment"]["deployments"]["nodes"]) == 3
    assert "nonsense" in answers[2]["errors"][0]["message"]


def test_text_is_measured_over_the_whole_multiplex(caller: Caller) -> None:
    entry = {"query": "{ currentUser { id } }".ljust(5_000)}
    assert caller.post([entry, entry]).status_code == 200
    response = caller.post([entry, {"query": entry["query"] + " "}])
    assert response.status_code == 422
    assert response.json() == {"errors": [{"message": "Query too large"}]}


def test_cost_is_counted_by_gitlabs_rule(caller: Caller) -> None:
    data = caller.ask(
        "{ queryComplexity { limit score }"
        ' project(fullPath: "a/b") { mergeRequests(deploymentId: "1", first: 100)'
        " { nodes { iid mergedAt targetBranch } pageInfo { hasNextPage } } } }"
    )
    # Three for queryComplexity, one for the project, (6 + 2) x 2 for the connection.
    assert data["queryComplexity"] == {"limit": 250, "score": 20}


def test_expensive_query_is_refused_alone(caller: Caller) -> None:
    part = 'mergeRequests(deploymentId: "1", first: 100) { nodes { iid } }'
    parts = " ".join(f"m{number}: {part}" for number in range(40))
    costly = f'{{ project(fullPath: "a/b") {{ {parts} }} }}'
    answers = caller.post([{"query": costly}, {"query": "{ currentUser { id } }"}]).json()
    assert answers[0] == {
        "errors": [{"message": "Query has complexity of 321, which exceeds max complexity of 250"}]
    }
    assert answers[1]["data"]["currentUser"]["id"] == "gid://gitlab/User/1"


def test_fragments_and_variables_are_counted_and_run(caller: Caller, project: Project) -> None:
    query = (
        "query($path: ID!, $n: Int) { queryComplexity { score } project(fullPath: $path)"
        " { environments(first: $n) { nodes { ...E ... on Environment { tier } } } } }"
        " fragment E on Environment { name }"
    )
    variables = {"path": project.path, "n": 1}
    data = caller.post({"query": query, "variables": variables}).json()["data"]
    assert data["project"]["environments"]["nodes"] == [
        {"name": "production", "tier": "PRODUCTION"}
    ]
    assert data["queryComplexity"]["score"] == 2 + 1 + 4


def linked(world: World, project: Project) -> str:
    change = world.add_merge_request(
        project, merged_at=NOON, created_at=NOON - timedelta(days=1), author="ann"
    )
    deployment = world.add_deployment(
        world.environments[1],
        created_at=NOON,
        merge_requests=[change],
        links_visible_at=NOON + timedelta(minutes=5),
    )
    return in_project(
        f'mergeRequests(deploymentId: "{deployment.id}", state: merged)'
        " { nodes { iid title createdAt mergedAt targetBranch sourceBranch webUrl"
        " author { username } } }"
    )


def test_merge_requests_of_a_deployment_show_when_linked(
    caller: Caller, world: World, project: Project, clock: Clock
) -> None:
    query = linked(world, project)
    assert caller.ask(query)["project"]["mergeRequests"]["nodes"] == []
    clock.advance(minutes=5)
    assert caller.ask(query)["project"]["mergeRequests"]["nodes"] == [
        {
            "iid": "1",
            "title": "Change 1",
            "createdAt": "2026-03-01T12:00:00Z",
            "mergedAt": "2026-03-02T12:00:00Z",
            "targetBranch": "main",
            "sourceBranch": "change-1",
            "webUrl": f"{caller.url}/top/app/-/merge_requests/1",
            "author": {"username": "ann"},
        }
    ]


@pytest.mark.parametrize(
    ("selection", "feature"),
    [
        (f"{PRODUCTION} {{ lastDeployment(status: SUCCESS) {{ finishedAt }} }}", "finished_at"),
        ('mergeRequests(deploymentId: "1") { nodes { iid } }', "deployment_merge_requests"),
    ],
)
@pytest.mark.usefixtures("project")
def test_older_instance_does_not_know_newer_fields(
    caller: Caller, world: World, selection: str, feature: str
) -> None:
    assert caller.ask(in_project(selection))["project"] is not None
    setattr(world.features, f"graphql_{feature}", False)
    assert (
        "Unknown argument" in (complaint := caller.complain(in_project(selection)))
        or "Cannot query field" in complaint
    )


def field_names(caller: Caller, kind: str) -> dict[str, Any]:
    query = f'{{ __type(name: "{kind}") {{ fields {{ name args {{ name }} }} }} }}'
    return {row["name"]: row["args"] for row in caller.ask(query)["__type"]["fields"]}


def test_introspection_tells_what_is_known(caller: Caller, world: World) -> None:
    assert "finishedAt" in field_names(caller, "Deployment")
    assert {"name": "deploymentId"} in field_names(caller, "Project")["mergeRequests"]
    world.features.graphql_finished_at = False
    world.features.graphql_deployment_merge_requests = False
    assert "finishedAt" not in field_names(caller, "Deployment")
    assert {"name": "deploymentId"} not in field_names(caller, "Project")["mergeRequests"]


def test_instance_without_graphql_does_not_find_it(caller: Caller, world: World) -> None:
    world.features.graphql = False
    assert caller.post({"query": "{ currentUser { id } }"}).status_code == 404


def test_last_deployment_is_the_latest_to_end(caller: Caller, world: World) -> None:
    environment = world.add_environment(world.add_project("top/app"), "production")
    late = world.add_deployment(environment, created_at=NOON, finished_at=NOON + timedelta(hours=2))
    world.add_deployment(environment, created_at=NOON + timedelta(hours=1))
    query = in_project(f"{PRODUCTION} {{ lastDeployment(status: SUCCESS) {{ id iid }} }}")
    assert caller.ask(query)["project"]["environment"]["lastDeployment"] == {
        "id": f"gid://gitlab/Deployment/{late.id}",
        "iid": "1",
    }


@pytest.mark.parametrize(
    "arguments",
    ["orderBy: {finishedAt: DESC}", "statuses: [RUNNING], orderBy: {finishedAt: DESC}"],
)
@pytest.mark.usefixtures("project")
def test_order_by_end_needs_an_ended_status(caller: Caller, arguments: str) -> None:
    query = in_project(f"{PRODUCTION} {{ deployments({arguments}) {{ nodes {{ id }} }} }}")
    assert "finished statuses" in caller.complain(query)


@pytest.mark.usefixtures("project")
def test_stranger_gets_null_and_bad_token_401(caller: Caller, world: World) -> None:
    world.add_token("stranger")
    query = in_project("id")
    assert caller.using("stranger").ask(query) == {"project": None}
    assert caller.using(None).ask(query) == {"project": None}
    response = caller.using("wrong").post({"query": query})
    assert (response.status_code, response.json()) == (
        401,
        {"errors": [{"message": "Invalid token"}]},
    )


def test_guest_gets_no_environments(caller: Caller, world: World, project: Project) -> None:
    token = world.add_token("guest")
    world.add_member(project, token.user, 10)
    query = in_project(f"id maxAccessLevel {{ integerValue }} {PRODUCTION} {{ id }}")
    shown = caller.using("guest").ask(query)["project"]
    assert (shown["maxAccessLevel"], shown["environment"]) == ({"integerValue": 10}, None)


def test_group_projects_reach_into_subgroups(caller: Caller, world: World) -> None:
    world.add_project("top/app")
    world.add_project("top/sub/app")

    def paths(arguments: str) -> list[str]:
        query = (
            f'{{ group(fullPath: "top") {{ projects{arguments}'
            " { nodes { fullPath } pageInfo { hasNextPage } } } }"
        )
        nodes = caller.ask(query)["group"]["projects"]["nodes"]
        return [node["fullPath"] for node in nodes]

    assert paths("") == ["top/app"]
    assert paths("(includeSubgroups: true, first: 100)") == ["top/sub/app", "top/app"]


def test_projects_are_found_by_global_id(caller: Caller, world: World) -> None:
    world.add_project("top/a")
    world.add_project("top/b")
    data = caller.ask('{ projects(ids: ["gid://gitlab/Project/2"]) { nodes { name } } }')
    assert data["projects"]["nodes"] == [{"name": "b"}]
