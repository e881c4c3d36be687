import pytest

from exporter.simulator import World
from tests.simulator.conftest import NOON, Caller

LIST = "/projects/1/environments"


@pytest.fixture
def environments(world: World) -> list[int]:
    project = world.add_project("group/app")
    made = [world.add_environment(project, name) for name in ("production", "prod-eu", "review/x")]
    world.stop_environment(made[2])
    return [environment.id for environment in made]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"name": "production"}, [0]),
        ({"search": "PROD"}, [0, 1]),
        ({"states": "stopped"}, [2]),
    ],
)
def test_list_is_filtered(
    caller: Caller, environments: list[int], parameters: dict[str, str], expected: list[int]
) -> None:
    assert caller.ids(LIST, **parameters) == [environments[at] for at in expected]


def test_contradicting_filters_are_refused(caller: Caller, environments: list[int]) -> None:
    assert environments
    assert caller.get(LIST, name="a", search="abc").status_code == 400
    assert caller.get(LIST, search="ab").status_code == 400
    assert caller.get(LIST, states="gone").json() == {"message": "Requested states are invalid"}


def test_tier_is_told_except_by_older_instances(
    caller: Caller, world: World, environments: list[int]
) -> None:
    path = f"{LIST}/{environments[0]}"
    assert caller.get(path).json()["tier"] == "production"
    world.features.environment_tier = False
    assert "tier" not in caller.get(path).json()
    assert "tier" not in caller.get(LIST).json()[0]


def test_one_environment_tells_its_last_deployment(
    caller: Caller, world: World, environments: list[int]
) -> None:
    path = f"{LIST}/{environments[0]}"
    assert caller.get(path).json()["last_deployment"] is None
    environment = world.environments[environments[0]]
    world.add_deployment(environment, created_at=NOON)
    latest = world.add_deployment(environment, created_at=NOON)
    world.add_deployment(environment, created_at=NOON, status="failed")
    assert caller.get(path).json()["last_deployment"]["id"] == latest.id


def test_deleted_environment_is_not_found(
    caller: Caller, world: World, environments: list[int]
) -> None:
    world.delete_environment(world.environments[environments[0]])
    assert caller.get(f"{LIST}/{environments[0]}").json() == {"message": "404 Not found"}
