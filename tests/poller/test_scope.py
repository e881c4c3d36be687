from collections.abc import Callable

import pytest

from exporter.simulator import Fault, SimulatedGitLab, World
from tests.clock import FakeClock
from tests.poller.conftest import StartExporter
from tests.poller.driven_exporter import DrivenExporter
from tests.poller.estate import HOUR, add_app, deploy


def rediscover(exporter: DrivenExporter, clock: FakeClock) -> None:
    """Poll when the next discovery is due."""
    clock.advance(hours=1)
    exporter.poll()


def levels(exporter: DrivenExporter) -> dict[str, str]:
    """Return the level of each group that is shown, by path."""
    return {
        labels["group"]: labels["level"] for labels, _ in exporter.series("group_deployments_total")
    }


def test_a_renamed_project_goes_on_under_its_new_labels(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    deploy(world, production, HOUR, ago=600)
    exporter.poll()
    world.move_project(production.project, "acme/shop")
    deploy(world, production, 3 * HOUR)
    rediscover(exporter, clock)
    assert exporter.projects() == {"acme/shop"}
    assert exporter.recent("acme/app") is None
    assert exporter.recent("acme/shop") == 2
    assert exporter.total("acme/shop") == 3
    assert exporter.lead_time("acme/shop") == 2 * HOUR
    assert exporter.group_recent("acme") == 2
    assert exporter.dora("projects/acme%2Fshop", interval="all") == 3
    assert exporter.page("/projects/acme%2Fapp/dora/metrics?metric=x").status_code in {400, 404}


def test_finishes_stay_exact_between_a_rename_and_the_next_discovery(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    exporter.poll()
    world.move_project(production.project, "acme/shop")
    deploy(world, production, HOUR)
    clock.advance(minutes=6)
    exporter.poll()
    assert {source for _, source in exporter.finishes()} == {"deployment"}
    assert exporter.series("project_recent_deployments", project_id="1", window="30d")[0][1] == 1


@pytest.mark.parametrize("minutes", [6, 61], ids=["before_discovery", "at_discovery"])
def test_a_project_does_not_mix_with_another_that_took_its_old_path(
    world: World, exporter: DrivenExporter, clock: FakeClock, minutes: int
) -> None:
    production = add_app(world)
    deploy(world, production, HOUR, ago=600)
    exporter.poll()
    world.move_project(production.project, "acme/old-app")
    successor = add_app(world, "acme/app", tier="staging")
    deploy(world, production, 3 * HOUR)
    deploy(world, successor, 5 * HOUR)
    clock.advance(minutes=minutes)
    exporter.poll()
    clock.advance(minutes=61)
    exporter.poll()
    assert exporter.projects() == {"acme/old-app", "acme/app"}
    assert exporter.recent("acme/old-app") == 2
    assert exporter.recent("acme/old-app", tier="staging") is None
    assert exporter.lead_time("acme/old-app") == 2 * HOUR
    assert exporter.recent("acme/app", tier="staging") == 1
    assert exporter.recent("acme/app") is None
    owners = exporter.stored("SELECT id, project_id FROM environments ORDER BY id")
    assert owners == [(1, production.project.id), (2, successor.project.id)]
    assert {source for _, source in exporter.finishes()} == {"deployment"}


def test_a_project_that_moves_to_another_group_moves_its_history_there(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world, "acme/web/app")
    deploy(world, add_app(world, "acme/core/lib"), ago=600)
    deploy(world, add_app(world, "acme/web/site"), ago=600)
    deploy(world, production, ago=600)
    exporter.poll()
    assert exporter.group_recent("acme/web") == 2
    totals = dict(group_totals(exporter))
    world.move_project(production.project, "acme/core/app")
    rediscover(exporter, clock)
    assert exporter.group_recent("acme/web") == 1
    assert exporter.group_recent("acme/core") == 2
    assert exporter.group_recent("acme") == 3
    assert exporter.total("acme/core/app") == 2
    now = group_totals(exporter)
    assert all(now[group] >= total for group, total in totals.items())
    assert now["acme"] == totals["acme"]


def group_totals(exporter: DrivenExporter) -> dict[str, float]:
    """Return the counter of each group."""
    return {labels["group"]: value for labels, value in exporter.series("group_deployments_total")}


def test_a_project_that_leaves_the_group_leaves_the_exposition(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    deploy(world, add_app(world, "acme/other"), ago=600)
    deploy(world, production, ago=600)
    exporter.poll()
    totals = group_totals(exporter)
    world.move_project(production.project, "elsewhere/app")
    rediscover(exporter, clock)
    assert exporter.projects() == {"acme/other"}
    assert exporter.group_recent("acme") == 1
    assert group_totals(exporter) == totals


@pytest.mark.parametrize(
    "leave", [World.archive_project, World.delete_project], ids=["archived", "deleted"]
)
def test_a_project_that_is_gone_leaves_the_exposition_at_the_next_discovery(
    world: World,
    exporter: DrivenExporter,
    clock: FakeClock,
    leave: Callable[..., None],
) -> None:
    gone, kept = add_app(world), add_app(world, "acme/other")
    deploy(world, gone, ago=600)
    deploy(world, kept, ago=600)
    exporter.poll()
    leave(world, gone.project)
    clock.advance(minutes=30)
    exporter.poll()
    assert exporter.recent("acme/app") == 1
    rediscover(exporter, clock)
    assert exporter.projects() == {"acme/other"}
    assert exporter.group_recent("acme") == 1
    assert exporter.value("exporter_stale_projects") == 0
    assert exporter.page("/projects/1/dora/metrics", metric="deployment_frequency").json() == {
        "message": "404 Project Not Found"
    }


def test_an_archived_project_that_comes_back_has_its_whole_history(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    deploy(world, production, HOUR, ago=600)
    exporter.poll()
    world.archive_project(production.project)
    rediscover(exporter, clock)
    assert exporter.projects() == set()
    clock.advance(days=5)
    deploy(world, production, 3 * HOUR, ago=2 * 24 * HOUR)
    world.archive_project(production.project, archived=False)
    exporter.poll()
    assert exporter.recent("acme/app") == 2
    assert exporter.lead_time("acme/app") == 2 * HOUR
    assert exporter.total("acme/app") == 3


def test_a_project_made_anew_under_the_same_path_is_another_project(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    former = add_app(world)
    deploy(world, former, HOUR, ago=600)
    exporter.poll()
    world.delete_project(former.project)
    production = add_app(world)
    deploy(world, production, 5 * HOUR)
    rediscover(exporter, clock)
    found = exporter.series("project_recent_deployments", project="acme/app", window="30d")
    assert [(labels["project_id"], value) for labels, value in found] == [
        (str(production.project.id), 1)
    ]
    assert exporter.lead_time("acme/app") == 5 * HOUR


def test_new_projects_and_subgroups_appear_at_the_next_discovery(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    add_app(world)
    exporter.poll()
    deploy(world, add_app(world, "acme/new/deep/app"), ago=600)
    deploy(world, add_app(world, "acme/second"), ago=600)
    clock.advance(minutes=59)
    exporter.poll()
    assert exporter.projects() == {"acme/app"}
    clock.advance(minutes=1)
    exporter.poll()
    assert exporter.projects() == {"acme/app", "acme/second", "acme/new/deep/app"}
    assert levels(exporter) == {"acme": "0", "acme/new": "1", "acme/new/deep": "2"}
    assert exporter.group_recent("acme/new") == 1
    assert exporter.group_recent("acme") == 2


def test_a_subgroup_that_comes_into_being_counts_what_its_projects_brought(
    world: World, exporter: DrivenExporter, clock: FakeClock
) -> None:
    production = add_app(world)
    deploy(world, production, ago=600)
    exporter.poll()
    world.move_project(production.project, "acme/fresh/app")
    rediscover(exporter, clock)
    assert group_totals(exporter) == {"acme": 2, "acme/fresh": 2}


def test_groups_without_projects_of_their_own_have_their_id_and_level(
    world: World, exporter: DrivenExporter
) -> None:
    deploy(world, add_app(world, "acme/a/b/c/app"), ago=600)
    deploy(world, add_app(world, "acme/a/x/y/lib"), ago=600)
    world.add_group("acme/a/empty")
    exporter.poll()
    assert levels(exporter) == {
        "acme": "0",
        "acme/a": "1",
        "acme/a/b": "2",
        "acme/a/b/c": "3",
        "acme/a/x": "2",
        "acme/a/x/y": "3",
    }
    for labels, value in exporter.series("group_recent_deployments", window="30d"):
        group = world.find_group(labels["group"])
        assert group is not None
        assert labels["group_id"] == str(group.id)
        assert value == (2 if labels["level"] in {"0", "1"} else 1)
    assert exporter.dora("groups/acme%2Fa%2Fempty", interval="all") == 0


def test_the_level_of_a_configured_subgroup_is_that_in_gitlab(
    world: World, start: StartExporter
) -> None:
    add_app(world, "acme/a/b/app")
    exporter = start(groups=["acme/a"])
    exporter.poll()
    assert levels(exporter) == {"acme/a": "1", "acme/a/b": "2"}


def test_overlapping_groups_count_a_project_once(world: World, start: StartExporter) -> None:
    deploy(world, add_app(world, "acme/a/app"), ago=600)
    exporter = start(groups=["acme", "acme/a"], projects=["acme/a/app"])
    exporter.poll()
    assert exporter.group_recent("acme") == 1
    assert exporter.group_recent("acme/a") == 1
    assert exporter.recent("acme/a/app") == 1
    assert exporter.total("acme/a/app") == 2


def test_a_group_that_cannot_be_read_keeps_its_projects(
    world: World, start: StartExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    deploy(world, add_app(world, "acme/app"), ago=600)
    exporter = start(groups=["acme", "umbrella"])
    umbrella = add_app(world, "umbrella/app")
    deploy(world, umbrella, ago=600)
    exporter.poll()
    gitlab.faults.add(Fault("status", "/groups/umbrella", status=502))
    add_app(world, "acme/new")
    deploy(world, umbrella, ago=300)
    rediscover(exporter, clock)
    assert exporter.projects() == {"acme/app", "acme/new", "umbrella/app"}
    assert exporter.recent("umbrella/app") == 2
    assert exporter.group_recent("umbrella") == 2


def test_a_group_that_could_not_be_read_is_looked_for_again_at_the_next_poll(
    world: World, start: StartExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    deploy(world, add_app(world, "umbrella/app"), ago=600)
    exporter = start(groups=["acme", "umbrella"])
    add_app(world, "acme/app")
    gitlab.faults.add(Fault("status", "/groups/umbrella", status=502))
    exporter.poll()
    assert exporter.projects() == {"acme/app"}
    gitlab.faults.clear()
    clock.advance(minutes=5)
    exporter.poll()
    assert exporter.projects() == {"acme/app", "umbrella/app"}
    assert exporter.recent("umbrella/app") == 1


def test_a_list_with_what_cannot_be_read_is_asked_for_again_ever_more_seldom(
    world: World, start: StartExporter, gitlab: SimulatedGitLab, clock: FakeClock
) -> None:
    """It may be of many pages, which each poll would ask for."""
    deploy(world, add_app(world, "acme/app"), ago=600)
    odd = add_app(world, "acme/odd")
    deploy(world, odd, ago=600)
    exporter = start(groups=["acme"])
    gitlab.faults.add(Fault("odd_values", "/groups/", swap=((odd.project.id, "odd"),)))
    exporter.poll()
    assert exporter.projects() == {"acme/app"}
    listed = []
    for _ in range(8):
        gitlab.requests.clear()
        clock.advance(minutes=5)
        exporter.poll()
        listed.append(any("/groups/" in record.path for record in gitlab.requests))
    assert listed == [True, False, True, False, False, False, True, False]
    gitlab.faults.clear()
    rediscover(exporter, clock)
    assert exporter.projects() == {"acme/app", "acme/odd"}


def test_excluded_projects_and_groups_are_not_there(world: World, start: StartExporter) -> None:
    for path in ("acme/app", "acme/app-archive", "acme/sandbox/toy", "acme/team/sandbox/x"):
        deploy(world, add_app(world, path), ago=600)
    exporter = start(exclude=["^acme/sandbox/", "-archive$"])
    exporter.poll()
    assert exporter.projects() == {"acme/app", "acme/team/sandbox/x"}
    assert set(levels(exporter)) == {"acme", "acme/team", "acme/team/sandbox"}
    assert exporter.group_recent("acme") == 2


@pytest.mark.parametrize(
    ("archived", "shown"), [(True, {"acme/app", "acme/old"}), (False, {"acme/app"})]
)
def test_archived_projects_are_polled_if_wanted(
    world: World,
    start: StartExporter,
    archived: bool,
    shown: set[str],
) -> None:
    add_app(world)
    old = add_app(world, "acme/old")
    deploy(world, old, ago=600)
    world.archive_project(old.project)
    exporter = start(groups=[{"path": "acme", "archived": archived}])
    exporter.poll()
    assert exporter.projects() == shown
    assert exporter.group_recent("acme") == len(shown) - 1


def test_subgroups_are_left_out_if_not_wanted(world: World, start: StartExporter) -> None:
    deploy(world, add_app(world), ago=600)
    deploy(world, add_app(world, "acme/sub/app"), ago=600)
    exporter = start(groups=[{"path": "acme", "include_subgroups": False}])
    exporter.poll()
    assert exporter.projects() == {"acme/app"}
    assert levels(exporter) == {"acme": "0"}
    assert exporter.group_recent("acme") == 1


def test_projects_shared_into_a_group_are_not_counted(world: World, start: StartExporter) -> None:
    deploy(world, add_app(world), ago=600)
    guest = add_app(world, "elsewhere/guest")
    deploy(world, guest, ago=600)
    group = world.find_group("acme")
    assert group is not None
    world.share_group(guest.project, group, 30)
    exporter = start(groups=["acme"])
    exporter.poll()
    assert exporter.projects() == {"acme/app"}
    assert exporter.group_recent("acme") == 1


@pytest.mark.parametrize("reference", ["acme/app", 7])
def test_a_listed_project_is_polled_without_its_group(
    world: World, start: StartExporter, reference: str | int
) -> None:
    world.add_project("acme/app", id=7, created_at=world.clock())
    deploy(world, add_app(world), HOUR, ago=600)
    deploy(world, add_app(world, "acme/other"), ago=600)
    exporter = start(projects=[reference])
    exporter.poll()
    assert exporter.projects() == {"acme/app"}
    assert exporter.recent("acme/app") == 1
    assert exporter.series("group_deployments_total") == []


@pytest.mark.parametrize("reference", ["acme/app", 1])
def test_a_listed_project_that_moves_is_followed(
    world: World, start: StartExporter, clock: FakeClock, reference: str | int
) -> None:
    production = add_app(world)
    exporter = start(projects=[reference])
    exporter.poll()
    world.move_project(production.project, "umbrella/shop")
    deploy(world, production)
    rediscover(exporter, clock)
    assert exporter.projects() == {"umbrella/shop"}
    assert exporter.recent("umbrella/shop") == 1
    assert exporter.total("umbrella/shop") == 2


def test_a_changed_configuration_is_discovered_at_once(
    world: World, start: StartExporter, clock: FakeClock
) -> None:
    deploy(world, add_app(world), ago=600)
    deploy(world, add_app(world, "umbrella/app"), ago=600)
    before = start(groups=["acme"])
    before.poll()
    before.close()
    clock.advance(minutes=2)
    exporter = start(groups=["umbrella"])
    exporter.poll()
    assert exporter.projects() == {"umbrella/app"}
    assert exporter.recent("umbrella/app") == 1


def test_an_empty_group_is_no_failure(world: World, exporter: DrivenExporter) -> None:
    world.add_group("acme")
    assert exporter.poll()
    assert exporter.value("exporter_up") == 1
    assert exporter.page("/-/ready").status_code == 200
