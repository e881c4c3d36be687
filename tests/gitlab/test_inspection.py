from datetime import timedelta

import pytest

from exporter.gitlab.client import Client
from exporter.gitlab.errors import NotFoundError
from exporter.gitlab.inspection import Inspection
from exporter.gitlab.token import read_token, token_expires_at
from exporter.instant import from_datetime
from exporter.simulator import SimulatedGitLab, World
from tests.gitlab.clock import LockstepClock
from tests.gitlab.conftest import Clients


@pytest.fixture
def inspection(client: Client) -> Inspection:
    return Inspection(client)


def test_a_project_is_described_with_the_role_in_it(
    gitlab: SimulatedGitLab, world: World, clients: Clients
) -> None:
    user = world.add_user("ann")
    world.add_token("ann-token", user=user)
    project = world.add_project("group/app", archived=True)
    project.jobs = False
    world.add_member(project, user, 10)
    inspection = Inspection(clients(gitlab.url, token=lambda: "ann-token"))
    facts = inspection.project("group/app")
    assert (facts.id, facts.path, facts.role) == (project.id, "group/app", 10)
    assert (facts.archived, facts.jobs, facts.deploys, facts.merges) == (True, False, True, True)
    world.add_member(world.add_group("group"), user, 20)
    assert inspection.project(project.id).role == 20
    with pytest.raises(NotFoundError):
        inspection.project("group/other")


def test_very_many_environments_are_not_read_to_the_end(
    gitlab: SimulatedGitLab, world: World, inspection: Inspection
) -> None:
    project = world.add_project("group/app")
    for number in range(500):
        world.add_environment(project, f"review/{number}")
    assert inspection.environments(project.id).whole
    world.add_environment(project, "production")
    gitlab.requests.clear()
    told = inspection.environments(project.id)
    assert (len(told.listed), told.whole) == (500, False)
    assert len(gitlab.requests) == 5


def test_the_newest_deployments_come_first(
    world: World, inspection: Inspection, clock: LockstepClock
) -> None:
    project = world.add_project("group/app")
    now = clock.datetime()
    made = [
        world.add_deployment(
            world.find_environment(project, name) or world.add_environment(project, name),
            created_at=now - timedelta(days=days),
            status=status,
        ).id
        for days, name, status in (
            (4, "production", "success"),
            (3, "staging", "success"),
            (2, "staging", "failed"),
            (1, "production", "success"),
        )
    ]
    number = project.id
    assert [one.id for one in inspection.successes(number)] == [made[3], made[1], made[0]]
    assert [one.id for one in inspection.successes(number, "production", number=1)] == [made[3]]
    assert [one.status for one in inspection.attempts(number)][1] == "failed"
    assert not inspection.has_merged(number)


def test_names_are_found_as_what_they_are(world: World, inspection: Inspection) -> None:
    world.add_project("group/app", archived=True)
    assert inspection.is_group("group")
    assert inspection.is_project("group/app")
    assert not inspection.is_group("group/app")
    assert not inspection.is_project("group")
    assert inspection.has_archived_projects("group")
    assert inspection.projects_of("group", include_subgroups=True, archived=False) == {}


def test_a_token_is_described(
    gitlab: SimulatedGitLab, world: World, clients: Clients, clock: LockstepClock
) -> None:
    midnight = clock.datetime().replace(hour=0, minute=0, second=0, microsecond=0)
    until = midnight + timedelta(days=3)
    world.add_token("narrow", scopes=["read_user"], expires_at=until)
    told = read_token(clients(gitlab.url, token=lambda: "narrow"))
    assert told is not None
    assert told.scopes == ("read_user",)
    assert told.expires_at == from_datetime(until)
    assert token_expires_at(clients(gitlab.url)) is None
