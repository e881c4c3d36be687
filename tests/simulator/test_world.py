from datetime import timedelta

import pytest

from exporter.simulator import World
from tests.simulator.conftest import NOON, Clock


def test_group_brings_its_parents(world: World) -> None:
    leaf = world.add_group("a/b/c")
    assert [group.path for group in leaf.lineage] == ["a/b/c", "a/b", "a"]
    assert world.add_group("a/b") is leaf.parent


def test_ids_go_on_after_a_chosen_one(world: World) -> None:
    first = world.add_project("a/one", id=40)
    assert world.add_project("a/two").id == first.id + 1


def test_taken_id_path_and_name_are_refused(world: World) -> None:
    project = world.add_project("a/one", id=40)
    world.add_environment(project, "production")
    with pytest.raises(ValueError, match="project 40 exists"):
        world.add_project("a/two", id=40)
    with pytest.raises(ValueError, match="taken"):
        world.add_project("A/One")
    with pytest.raises(ValueError, match="exists"):
        world.add_environment(project, "production")


def test_project_without_group_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="needs a group"):
        world.add_project("alone")


def test_successful_deployment_without_end_ended_when_created(world: World) -> None:
    environment = world.add_environment(world.add_project("a/b"), "production")
    assert world.add_deployment(environment, created_at=NOON).finished_at == NOON


def test_running_deployment_has_no_end_until_finished(world: World, clock: Clock) -> None:
    environment = world.add_environment(world.add_project("a/b"), "production")
    deployment = world.add_deployment(environment, status="running", created_at=NOON)
    index = world.index(environment.project)
    assert len(index.select((None, None), "finished_at")) == 0
    clock.advance(minutes=3)
    world.finish(deployment)
    assert (deployment.status, deployment.finished_at) == ("success", clock.now)
    selection = index.select((None, "success"), "finished_at")
    assert selection.page(0, 10) == [deployment.id]


def test_unfinished_status_with_an_end_is_refused(world: World) -> None:
    environment = world.add_environment(world.add_project("a/b"), "production")
    with pytest.raises(ValueError, match="finished_at"):
        world.add_deployment(environment, status="running", created_at=NOON, finished_at=NOON)


def test_merge_request_is_linked_once_per_environment(world: World) -> None:
    project = world.add_project("a/b")
    change = world.add_merge_request(project, merged_at=NOON)
    links = [
        world.add_deployment(
            world.find_environment(project, name) or world.add_environment(project, name),
            created_at=NOON,
            merge_requests=[change],
        ).merge_requests
        for name in ("staging", "production", "production")
    ]
    assert links == [[change], [change], []]


def test_failed_deployment_links_nothing(world: World) -> None:
    project = world.add_project("a/b")
    change = world.add_merge_request(project, merged_at=NOON)
    environment = world.add_environment(project, "production")
    failed = world.add_deployment(
        environment, status="failed", created_at=NOON, merge_requests=[change]
    )
    assert failed.merge_requests == []


def test_links_show_when_their_time_has_come(world: World, clock: Clock) -> None:
    project = world.add_project("a/b")
    change = world.add_merge_request(project, merged_at=NOON)
    deployment = world.add_deployment(
        world.add_environment(project, "production"),
        created_at=NOON,
        merge_requests=[change],
        links_visible_at=NOON + timedelta(minutes=1),
    )
    assert world.linked_merge_requests(deployment) == []
    clock.advance(minutes=1)
    assert world.linked_merge_requests(deployment) == [change]


def test_deleted_environment_takes_its_deployments_along(world: World) -> None:
    project = world.add_project("a/b")
    gone, kept = (world.add_environment(project, name) for name in ("staging", "production"))
    world.add_deployment(gone, created_at=NOON)
    other = world.add_deployment(kept, created_at=NOON)
    world.delete_environment(gone)
    assert list(world.deployments) == [other.id]
    assert len(world.index(project).select((None, None))) == 1


def test_renamed_environment_keeps_its_tier(world: World) -> None:
    environment = world.add_environment(world.add_project("a/b"), "staging")
    world.rename_environment(environment, "production")
    assert environment.tier == "staging"
    with pytest.raises(ValueError, match="unknown tier"):
        world.set_tier(environment, "live")


def test_deleted_project_is_gone(world: World) -> None:
    project = world.add_project("a/b")
    world.add_deployment(world.add_environment(project, "production"), created_at=NOON)
    world.move_project(project, "a/c")
    world.delete_project(project)
    assert (world.projects, world.environments, world.deployments) == ({}, {}, {})
    assert world.find_moved_project("a/b") is None
