"""The example of GitLab's documentation, through the whole path.

https://docs.gitlab.com/ee/api/dora/metrics.html
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from exporter.config import Settings
from exporter.service import Service
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.clock import FakeClock

DEPLOYMENTS = (3, 6, 0, 0, 0, 0, 0, 4)
"""On each day from 2021-03-01 on."""

DOCUMENTED = """[
  { "2021-03-01": 3 },
  { "2021-03-02": 6 },
  { "2021-03-03": 0 },
  { "2021-03-04": 0 },
  { "2021-03-05": 0 },
  { "2021-03-06": 0 },
  { "2021-03-07": 0 },
  { "2021-03-08": 4 }
]"""

FIRST_DAY = datetime(2021, 3, 1, tzinfo=UTC)


def example(clock: FakeClock) -> World:
    """Return a GitLab whose project 1 in group 1 is deployed as in the example."""
    world = World(clock)
    project = world.add_project("example/app", created_at=FIRST_DAY - timedelta(days=30))
    production = world.add_environment(project, "production", created_at=project.created_at)
    staging = world.add_environment(project, "staging", created_at=project.created_at)
    for number, deployments in enumerate(DEPLOYMENTS):
        day = FIRST_DAY + timedelta(days=number)
        for hour in range(deployments):
            world.add_deployment(production, created_at=day + timedelta(hours=7 * hour % 24))
        noon = day + timedelta(hours=12)
        world.add_deployment(staging, created_at=noon)
        world.add_deployment(production, created_at=noon, status="failed")
    assert (project.id, project.namespace.id) == (1, 1)
    return world


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    clock = FakeClock(datetime(2021, 3, 20, 9, 30, tzinfo=UTC))
    folder: Path = tmp_path_factory.mktemp("example")
    with SimulatedGitLab(example(clock)) as gitlab:
        settings = Settings.model_validate(
            {
                "gitlab": {"url": gitlab.url, "token": DEFAULT_TOKEN},
                "groups": ["example"],
                "store": {"url": f"sqlite:///{folder / 'dora.db'}"},
                "api": {"auth": "none"},
            }
        )
        with (
            Service(settings, settings.gitlab.token_source(), clock=clock) as service,
            TestClient(service.app()) as client,
        ):
            assert service.poll()
            yield client


@pytest.mark.parametrize("container", ["projects", "groups"])
@pytest.mark.parametrize("prefix", ["", "/api/v4"])
def test_the_documented_answer(prefix: str, container: str, client: TestClient) -> None:
    response = client.get(
        f"{prefix}/{container}/1/dora/metrics?metric=deployment_frequency"
        "&start_date=2021-03-01&end_date=2021-03-08"
    )
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    # As text, so that the order counts too.
    assert json.dumps(response.json()) == json.dumps(json.loads(DOCUMENTED))


@pytest.mark.parametrize("container", ["projects", "groups"])
def test_the_sum_of_the_example(container: str, client: TestClient) -> None:
    response = client.get(
        f"/{container}/1/dora/metrics?metric=deployment_frequency&interval=all"
        "&start_date=2021-03-01&end_date=2021-03-08"
    )
    assert response.text == "13"
