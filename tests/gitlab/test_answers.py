from typing import Any

import pytest
from pydantic import BaseModel

from exporter.dora.facts import MergeRequest
from exporter.gitlab.answers import (
    DeploymentAnswer,
    EnvironmentAnswer,
    EnvironmentNode,
    FinishAnswer,
    GroupAnswer,
    ProjectAnswer,
    read,
    read_connection,
    read_merge_request,
)
from exporter.gitlab.errors import BadAnswerError
from exporter.instant import parse

JOB, UPDATED, CREATED = (f"2026-03-0{day}T12:00:00.123Z" for day in (3, 2, 1))


def deployment(**changes: object) -> dict[str, Any]:
    """A deployment as GitLab answers it, as far as it is read; ``...`` takes a field away."""
    answer = {
        "id": 7,
        "iid": 3,
        "ref": "main",
        "sha": "5ad",
        "status": "success",
        "created_at": CREATED,
        "updated_at": UPDATED,
        "environment": {"id": 1, "name": "production", "created_at": CREATED},
        "deployable": {"finished_at": JOB},
        **changes,
    }
    return {name: value for name, value in answer.items() if value is not ...}


def merge_request(**changes: object) -> dict[str, Any]:
    answer = {
        "iid": 5,
        "merged_at": CREATED,
        "target_branch": "main",
        "author": {"username": "ada"},
        **changes,
    }
    return {name: value for name, value in answer.items() if value is not ...}


@pytest.mark.parametrize(
    ("changes", "finish"),
    [
        ({}, (JOB, "job")),
        ({"deployable": None}, (UPDATED, "updated_at")),
        ({"deployable": ...}, (UPDATED, "updated_at")),
        ({"deployable": {}}, (UPDATED, "updated_at")),
        ({"deployable": {"finished_at": None}}, (UPDATED, "updated_at")),
        ({"deployable": None, "updated_at": None}, (CREATED, "created_at")),
        ({"deployable": ..., "updated_at": ...}, (CREATED, "created_at")),
    ],
)
def test_finish_is_the_best_guess_there_is(
    changes: dict[str, object], finish: tuple[str, str]
) -> None:
    text, source = finish
    answer = read(DeploymentAnswer, deployment(**changes), "deployment")
    assert answer.finish() == (parse(text), source)


def test_deployment_without_any_time_is_no_answer() -> None:
    changes = dict.fromkeys(("deployable", "updated_at", "created_at"))
    answer = read(DeploymentAnswer, deployment(**changes), "deployment")
    with pytest.raises(BadAnswerError, match="deployment 7 has no time"):
        answer.finish()


@pytest.mark.parametrize(
    "changes",
    [
        {"iid": ...},
        {"ref": None, "sha": ...},
        {"status": "undeployed"},
        {"environment": {"id": 1, "name": "production"}},
        {"environment": {"id": 1, "name": "", "created_at": None, "tier": 5}},
        {"user": "nobody", "approvals": object()},
    ],
)
def test_oddities_of_a_version_do_not_matter(changes: dict[str, object]) -> None:
    answer = read(DeploymentAnswer, deployment(**changes), "deployment")
    assert (answer.id, answer.environment.id) == (7, 1)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00",
        "2026-03-01T12:00:00.000+00:00",
        "2026-03-01T17:30:00.000+05:30",
        "2026-03-01T04:00:00-08:00",
        "2026-03-01 12:00:00+0000",
    ],
)
def test_instants_are_read_as_gitlab_writes_them(text: str) -> None:
    answer = read(DeploymentAnswer, deployment(created_at=text), "deployment")
    assert answer.created_at == parse("2026-03-01T12:00:00Z")


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"id": ...}, "id"),
        ({"id": SECRET}, "id"),
        ({"id": None}, "id"),
        ({"status": None}, "status"),
        ({"status": 5}, "status"),
        ({"environment": ...}, "environment"),
        ({"environment": None}, "environment"),
        ({"environment": SECRET}, "environment"),
        ({"environment": {}}, "environment.id, environment.name"),
        ({"environment": {"id": 1, "name": None}}, "environment.name"),
        ({"created_at": SECRET}, "created_at"),
        ({"created_at": ""}, "created_at"),
        ({"created_at": 1772366400}, "created_at"),
        ({"created_at": "2026-02-30T12:00:00Z"}, "created_at"),
        ({"deployable": SECRET}, "deployable"),
        ({"deployable": {"finished_at": SECRET}}, "deployable.finished_at"),
        ({"id": ..., "status": ..., "updated_at": SECRET}, "id, status, updated_at"),
    ],
)
def test_errors_name_the_fields_and_no_values(changes: dict[str, object], fields: str) -> None:
    with pytest.raises(BadAnswerError) as caught:
        read(DeploymentAnswer, deployment(ref=SECRET, **changes), "deployment")
    assert str(caught.value) == f"deployment: missing or wrong: {fields}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("answer", [None, [], "text", 5, [deployment()]])
@pytest.mark.parametrize(
    "model", [DeploymentAnswer, EnvironmentAnswer, ProjectAnswer, GroupAnswer, FinishAnswer]
)
def test_what_is_no_object_is_no_answer(model: type[BaseModel], answer: object) -> None:
    with pytest.raises(BadAnswerError, match="thing: missing or wrong: all of it"):
        read(model, answer, "thing")


@pytest.mark.parametrize(
    ("told", "tier"),
    [
        ("production", "production"),
        ("PRODUCTION", "production"),
        ("Staging", "staging"),
        ("live", None),
        ("", None),
        (None, None),
    ],
)
def test_only_gitlabs_tiers_are_tiers(told: object, tier: str | None) -> None:
    answer = {"id": 1, "name": "production", "tier": told}
    assert read(EnvironmentAnswer, answer, "environment").tier == tier


@pytest.mark.parametrize("told", [5, [], {"production": True}])
def test_what_is_no_text_is_no_tier(told: object) -> None:
    with pytest.raises(BadAnswerError, match="environment: missing or wrong: tier"):
        read(EnvironmentAnswer, {"id": 1, "name": "production", "tier": told}, "environment")


def test_graphql_tells_the_tier_if_it_has_one() -> None:
    with pytest.raises(BadAnswerError, match="environment: missing or wrong: tier"):
        read(EnvironmentNode, {"id": 1, "name": "production"}, "environment")


def test_older_gitlab_tells_no_tier() -> None:
    assert read(EnvironmentAnswer, {"id": 1, "name": "production"}, "environment").tier is None


@pytest.mark.parametrize("told", [7, "7", "gid://gitlab/Deployment/7"])
def test_ids_come_bare_or_global(told: object) -> None:
    assert read(FinishAnswer, {"id": told, "finishedAt": None}, "deployment").id == 7


@pytest.mark.parametrize("told", ["", "gid://gitlab/Deployment/", "gid://gitlab/Deployment/x"])
def test_global_id_without_a_number_is_wrong(told: str) -> None:
    with pytest.raises(BadAnswerError, match="deployment: missing or wrong: id"):
        read(FinishAnswer, {"id": told, "finishedAt": None}, "deployment")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, MergeRequest(5, parse(CREATED), "main", "ada")),
        ({"merged_at": None}, MergeRequest(5, None, "main", "ada")),
        ({"author": None}, MergeRequest(5, parse(CREATED), "main", "")),
        ({"merge_commit_sha": None}, MergeRequest(5, parse(CREATED), "main", "ada")),
    ],
)
def test_merge_request(changes: dict[str, object], expected: MergeRequest) -> None:
    assert read_merge_request(merge_request(**changes)) == expected


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"merged_at": ...}, "merged_at"),
        ({"target_branch": ...}, "target_branch"),
        ({"target_branch": None}, "target_branch"),
        ({"author": ...}, "author"),
        ({"author": {}}, "author.username"),
    ],
)
def test_merge_request_that_is_not_told_whole_is_not_taken(
    changes: dict[str, object], field: str
) -> None:
    with pytest.raises(BadAnswerError, match=f"merge request: missing or wrong: {field}"):
        read_merge_request(merge_request(**changes))


def test_merge_request_needs_its_number() -> None:
    with pytest.raises(BadAnswerError, match="merge request: missing or wrong: iid, merged_at"):
        read_merge_request(merge_request(iid=..., merged_at="yesterday"))


@pytest.mark.parametrize(
    ("page", "cursor"),
    [
        ({"hasNextPage": True, "endCursor": "abc"}, "abc"),
        ({"hasNextPage": False, "endCursor": "abc"}, None),
        ({"hasNextPage": False, "endCursor": None}, None),
        ({"hasNextPage": False}, None),
    ],
)
def test_connection_tells_where_it_goes_on(page: dict[str, object], cursor: str | None) -> None:
    nodes, after = read_connection({"nodes": [{"a": 1}, None], "pageInfo": page}, "things")
    assert (nodes, after) == ([{"a": 1}], cursor)


@pytest.mark.parametrize(
    ("answer", "fields"),
    [
        (None, "all of it"),
        ({}, "nodes, pageInfo"),
        ({"nodes": None, "pageInfo": {"hasNextPage": False}}, "nodes"),
        ({"nodes": [], "pageInfo": {}}, "pageInfo.hasNextPage"),
        ({"nodes": [], "pageInfo": {"hasNextPage": True}}, "pageInfo.endCursor"),
    ],
)
def test_half_a_connection_is_no_answer(answer: object, fields: str) -> None:
    with pytest.raises(BadAnswerError, match=f"things: missing or wrong: {fields}$"):
        read_connection(answer, "things")


@pytest.mark.parametrize(
    ("namespace", "complete"),
    [
        ({"id": 3, "full_path": "top/sub", "kind": "group", "parent_id": 2}, True),
        ({"id": 3, "full_path": "ada", "kind": "user", "parent_id": None}, True),
        ({"id": 3, "full_path": "ada"}, True),
        (None, False),
    ],
)
def test_project_with_or_without_its_namespace(
    namespace: dict[str, object] | None, complete: bool
) -> None:
    answer = {"id": 1, "path_with_namespace": "top/sub/app", "namespace": namespace}
    assert (read(ProjectAnswer, answer, "project").namespace is not None) is complete


@pytest.mark.parametrize("odd", ["a\0b", "a\ud800b"])
def test_what_no_database_takes_is_replaced_in_names(odd: str) -> None:
    changes = {"ref": odd, "environment": {"id": 1, "name": odd}}
    answer = read(DeploymentAnswer, deployment(**changes), "deployment")
    assert (answer.ref, answer.environment.name) == ("a\ufffdb", "a\ufffdb")
    assert read_merge_request(merge_request(author={"username": odd})).author == "a\ufffdb"


@pytest.mark.parametrize(
    "changes",
    [
        *({"id": one} for one in (0, -1, 2**63, 10**400, True, "9" * 5000, 1e300, float("nan"))),
        {"ref": "n" * 2**20},
        {"environment": {"id": 1, "name": "n" * 2**20}},
        *(
            {"created_at": one}
            for one in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\ud800")
        ),
    ],
)
def test_what_nothing_can_hold_is_no_answer(changes: dict[str, object]) -> None:
    with pytest.raises(BadAnswerError, match=next(iter(changes))):
        read(DeploymentAnswer, deployment(**changes), "deployment")
