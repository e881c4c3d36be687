"""The container polls a GitLab, keeps its data in a volume and tells nobody the token."""

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.container.contained import Container, started
from tests.container.engine import Engine
from tests.ports import free_port
from tests.waiting import wait_until

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]

DEPLOYMENTS = 30


@pytest.fixture(scope="module")
def gitlab() -> Iterator[SimulatedGitLab]:
    world, rng = World(), Random(3)
    project = world.add_project("acme/shop")
    production = world.add_environment(project, "production")
    now = world.clock()
    for age in sorted((rng.uniform(0.5, 60) for _ in range(DEPLOYMENTS)), reverse=True):
        at = now - timedelta(days=age)
        merged = world.add_merge_request(project, merged_at=at - timedelta(hours=5))
        world.add_deployment(production, created_at=at, merge_requests=[merged])
    with SimulatedGitLab(world) as running:
        yield running


@pytest.fixture
def volume(storage: Engine, request: pytest.FixtureRequest) -> Iterator[str]:
    name = re.sub(r"\W+", "-", request.node.name).strip("-")
    yield name
    storage.run("podman", "volume", "rm", "--force", name)


def environ(gitlab: SimulatedGitLab) -> dict[str, str]:
    return {
        "GITLAB_TOKEN": DEFAULT_TOKEN,
        "GITLAB_DORA_GITLAB__URL": gitlab.url,
        "GITLAB_DORA_GROUPS": "acme",
    }


def polling(
    engine: Engine, image: str, gitlab: SimulatedGitLab, *options: str
) -> AbstractContextManager[Container]:
    """Run the exporter as the README says, but on the network where the simulated GitLab is."""
    port = free_port()
    given = environ(gitlab)
    return started(
        engine,
        image,
        *("run", "--web.listen-address", f"127.0.0.1:{port}"),
        options=["--network", "host", *options, *(f"--env={name}" for name in given)],
        environ=given,
        port=port,
    )


def total(container: Container) -> str:
    (found,) = (
        line
        for line in container.get("/metrics")[1].splitlines()
        if line.startswith("gitlab_dora_project_deployments_total{")
    )
    return found


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_its_data_outlive_it(
    storage: Engine, built: str, gitlab: SimulatedGitLab, volume: str, end: str
) -> None:
    """The next one is ready at once and asks for nothing that is known, however the first ended."""
    with polling(storage, built, gitlab, "--volume", f"{volume}:/data") as first:
        first.wait_until_ready()
        known = total(first)
        assert known.endswith(f" {DEPLOYMENTS}.0")
        if end == "stop":
            assert first.stop() == 0
        else:
            storage.run("podman", "kill", first.name)
    gitlab.requests.clear()
    with polling(storage, built, gitlab, "--volume", f"{volume}:/data") as second:
        second.wait_until_ready()
        assert total(second) == known
        wait_until(lambda: "poll finished" in second.log())
        asked = Counter(one.endpoint for one in gitlab.requests)
    # What is new, in one question. That the token is still good is no fact about projects.
    asked.pop("GET /personal_access_tokens/self", None)
    assert asked == {"POST /api/graphql": 1}


def test_the_token_is_nowhere_but_in_the_environment(
    storage: Engine, built: str, gitlab: SimulatedGitLab, volume: str
) -> None:
    with polling(storage, built, gitlab, "--volume", f"{volume}:/data") as container:
        container.wait_until_ready()
        known = container.inspect()
        given = known["Config"].pop("Env")
        assert f"GITLAB_TOKEN={DEFAULT_TOKEN}" in given
        assert DEFAULT_TOKEN not in json.dumps(known)
        for path in ("/", "/metrics", "/-/ready"):
            assert DEFAULT_TOKEN not in container.get(path)[1]
        looked = storage.attempt("podman", "exec", container.name, "gitlab-dora-exporter", "doctor")
        assert " of 1 project in " in looked.stdout
        assert DEFAULT_TOKEN not in looked.stdout + looked.stderr
        log = container.log()
        assert "poll" in log
        assert DEFAULT_TOKEN not in log
        assert container.stop() == 0
        (mounted,) = (one["Source"] for one in known["Mounts"] if one["Destination"] == "/data")
        (database,) = Path(mounted).glob("*.db")
        content = database.read_bytes()
        assert b"acme/shop" in content
        assert DEFAULT_TOKEN.encode() not in content


def test_a_file_is_read_and_a_refused_token_makes_it_not_ready(
    storage: Engine, built: str, gitlab: SimulatedGitLab, tmp_path: Path
) -> None:
    """It lives on, so it is healthy: a restart would not help."""
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(f"gitlab: {{url: '{gitlab.url}'}}\ngroups: [acme]\n")
    with started(
        storage,
        built,
        *("run", "--config.file", "/etc/dora/config.yaml"),
        *("--web.listen-address", f"127.0.0.1:{port}"),
        options=[
            *("--network", "host", "--env", "GITLAB_TOKEN", "--volume"),
            *(f"{config}:/etc/dora/config.yaml:ro", "--health-cmd"),
            json.dumps(["python", "/opt/exporter/healthcheck.py", str(port)]),
        ],
        environ={"GITLAB_TOKEN": "glpat-revoked-long-ago"},
        port=port,
    ) as container:
        wait_until(lambda: "401" in container.log())
        assert container.get("/-/ready")[0] == 503
        assert container.get("/-/healthy")[0] == 200
        assert container.look_at_health()


@pytest.mark.parametrize("user", ["1000690000:0", "10001:10001"])
def test_a_folder_of_the_host(
    storage: Engine, built: str, gitlab: SimulatedGitLab, user: str
) -> None:
    """Of the image's user, or of a group that any user has been put into, as OpenShift does.

    Nobody gives the user a name or a home.
    """
    folder = storage.folder / "of-the-host"
    folder.mkdir()
    uid, gid = (int(one) for one in user.split(":"))
    os.chown(folder, uid if gid else 0, gid)
    folder.chmod(0o700 if gid else 0o770)
    try:
        with polling(
            storage,
            built,
            gitlab,
            *(
                "--volume",
                f"{folder}:/data",
                "--user",
                user,
                "--passwd=false",
                "--env",
                "HOME=/tmp",
            ),
        ) as container:
            container.wait_until_ready()
            assert container.status()["Uid"].split()[0] == str(uid)
            assert (folder / "dora.db").stat().st_uid == uid
            assert container.stop() == 0
    finally:
        shutil.rmtree(folder)
