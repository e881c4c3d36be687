import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exporter.simulator import World, histories

DATA = Path(__file__).parents[1] / "data" / "histories"
COUNTS = [("kube-state-metrics", 101, 1504), ("python-gitlab", 123, 771)]


def new_world() -> World:
    return World(lambda: datetime(2026, 9, 1, tzinfo=UTC))


@pytest.mark.parametrize(("name", "deployments", "merge_requests"), COUNTS)
def test_every_tag_and_merge_is_there_and_linked_once(
    name: str, deployments: int, merge_requests: int
) -> None:
    world = new_world()
    project = histories.load(world, DATA / f"{name}.json", project_path=f"open/{name}")
    assert len(world.deployments) == deployments
    assert len(project.merge_requests) == merge_requests
    linked = Counter(m.iid for d in world.deployments.values() for m in d.merge_requests)
    assert len(linked) == merge_requests
    assert set(linked.values()) == {1}


@pytest.mark.parametrize("name", [name for name, _, _ in COUNTS])
def test_times_and_links_are_those_of_the_file(name: str) -> None:
    world = new_world()
    path = DATA / f"{name}.json"
    project = histories.load(world, path, project_path=f"open/{name}")
    facts = json.loads(path.read_text())
    assert [
        (d.ref, d.sha, d.status, d.finished_at, [m.iid for m in d.merge_requests])
        for d in world.deployments.values()
    ] == [
        (
            d["tag"],
            d["sha"],
            "success",
            datetime.fromisoformat(d["finished_at"]),
            d["merge_requests"],
        )
        for d in facts["deployments"]
    ]
    assert {m.iid: (m.merged_at, m.author, m.sha) for m in project.merge_requests.values()} == {
        m["iid"]: (datetime.fromisoformat(m["merged_at"]), m["author"], m["merge_commit_sha"])
        for m in facts["merge_requests"]
    }


def test_deployment_ids_follow_the_order_of_finishing(tmp_path: Path) -> None:
    world = new_world()
    path = tmp_path / "history.json"
    tags = [("late", "2024-02-01T00:00:00Z"), ("early", "2024-01-01T00:00:00Z")]
    path.write_text(
        json.dumps(
            {
                "deployments": [
                    {"tag": tag, "sha": tag, "finished_at": at, "merge_requests": []}
                    for tag, at in tags
                ],
                "merge_requests": [],
            }
        )
    )
    histories.load(world, path, project_path="open/small")
    assert [world.deployments[id_].ref for id_ in sorted(world.deployments)] == ["early", "late"]


def test_a_shift_moves_every_time_and_no_lead_time() -> None:
    shift = timedelta(days=30, microseconds=1)
    plain, moved = new_world(), new_world()
    path = DATA / "python-gitlab.json"
    first = histories.load(plain, path, project_path="open/one")
    second = histories.load(moved, path, project_path="open/one", shift=shift)
    for iid, merge_request in first.merge_requests.items():
        assert merge_request.merged_at is not None
        assert second.merge_requests[iid].merged_at == merge_request.merged_at + shift
        assert second.merge_requests[iid].created_at == merge_request.created_at + shift
    for id_, deployment in plain.deployments.items():
        assert deployment.finished_at is not None
        assert moved.deployments[id_].finished_at == deployment.finished_at + shift


def test_the_project_has_the_one_named_environment_and_its_groups() -> None:
    world = new_world()
    project = histories.load(
        world,
        DATA / "python-gitlab.json",
        project_path="open/python/client",
        environment="live-eu",
    )
    assert [(e.name, e.tier) for e in project.environments.values()] == [("live-eu", "production")]
    assert {group.path for group in world.groups.values()} == {"open", "open/python"}
    assert project.created_at == min(m.created_at for m in project.merge_requests.values())


def test_an_unknown_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text(
        '{"merge_requests": [], "deployments": [{"tag": "1", "sha": "a",'
        ' "finished_at": "2024-01-01T00:00:00Z", "merge_requests": [5]}]}'
    )
    with pytest.raises(KeyError):
        histories.load(new_world(), path, project_path="open/broken")
