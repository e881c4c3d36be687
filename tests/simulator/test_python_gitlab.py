from collections.abc import Iterator
from datetime import timedelta

import gitlab as client
import pytest

from exporter.simulator import DEFAULT_TOKEN, Fault, SimulatedGitLab, World
from tests.simulator.conftest import NOON


@pytest.fixture
def api(gitlab: SimulatedGitLab) -> Iterator[client.Gitlab]:
    with client.Gitlab(gitlab.url, private_token=DEFAULT_TOKEN) as api:
        yield api


def test_client_walks_all_pages(api: client.Gitlab, world: World) -> None:
    environment = world.add_environment(world.add_project("group/sub/app"), "production")
    for minute in range(45):
        world.add_deployment(environment, created_at=NOON + timedelta(minutes=minute))
    project = api.projects.get("group/sub/app")
    found = project.deployments.list(iterator=True, status="success", per_page=20)
    assert [row.iid for row in found] == list(range(1, 46))
    keyset = api.projects.list(iterator=True, pagination="keyset", order_by="id", per_page=1)
    assert [row.id for row in keyset] == [project.id]


def test_client_waits_out_a_refusal(api: client.Gitlab, gitlab: SimulatedGitLab) -> None:
    gitlab.faults.add(Fault("status", status=429, retry_after=0, times=1))
    assert api.version()[0]
    assert [record.status for record in gitlab.requests] == [429, 200]


def test_client_tells_the_message_of_a_refusal(api: client.Gitlab) -> None:
    with pytest.raises(client.GitlabGetError, match="404 Project Not Found"):
        api.projects.get("nobody/knows")
