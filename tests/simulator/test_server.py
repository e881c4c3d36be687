from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.simulator.conftest import NOON, Caller
from tests.webconfig.certificates import LOOPBACK, Authority, write


def test_port_is_free_again_after_stopping(world: World) -> None:
    with SimulatedGitLab(world) as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            SimulatedGitLab(world, port).start()
    with SimulatedGitLab(world, port) as second:
        assert second.url == first.url
        second.stop()
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(second.url, timeout=5)


def test_world_may_change_while_it_is_read(caller: Caller, world: World) -> None:
    environment = world.add_environment(world.add_project("group/app"), "production")

    def read(_: int) -> int:
        with requests.Session() as session:
            reader = Caller(caller.url, session)
            return len(reader.ids("/projects/1/deployments", per_page=100))

    with ThreadPoolExecutor(4) as pool:
        counts = pool.map(read, range(40))
        for second in range(60):
            world.add_deployment(environment, created_at=NOON + timedelta(seconds=second))
        assert all(0 <= count <= 60 for count in counts)
    assert read(0) == 60


def test_it_is_served_by_tls_too(world: World, tmp_path: Path) -> None:
    authority = Authority("authority")
    write(tmp_path, "server", *authority.issue("gitlab", *LOOPBACK))
    (tmp_path / "ca.crt").write_text(authority.pem())
    files = tmp_path / "server.crt", tmp_path / "server.key"
    with SimulatedGitLab(world, tls=files) as gitlab:
        assert gitlab.url.startswith("https://127.0.0.1:")
        headers = {"PRIVATE-TOKEN": DEFAULT_TOKEN}
        trusted = str(tmp_path / "ca.crt")
        asked = f"{gitlab.url}/api/v4/version"
        with requests.get(asked, headers=headers, verify=trusted, timeout=5) as answer:
            assert answer.json()["version"] == world.features.version
