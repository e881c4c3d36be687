"""The exporter and its front as the processes that they are."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.process import ANY_PORT, Running, started
from tests.waiting import wait_until

_CONFIG = """\
gitlab: {{url: "{url}"}}
projects: [acme/app]
api: {{auth: none}}
"""


@pytest.fixture(scope="module")
def gitlab() -> Iterator[SimulatedGitLab]:
    world = World()
    environment = world.add_environment(world.add_project("acme/app"), "production")
    world.add_deployment(environment, created_at=world.clock(), finished_at=world.clock())
    with SimulatedGitLab(world) as gitlab:
        yield gitlab


@pytest.fixture
def exporter(gitlab: SimulatedGitLab, tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "config.yaml").write_text(_CONFIG.format(url=gitlab.url))
    environ = {"GITLAB_TOKEN": DEFAULT_TOKEN}
    with started(["run", *ANY_PORT], folder=tmp_path, environ=environ) as running:
        yield running


def front_of(exporter: Running) -> int:
    """Return the process number of an exporter's front."""
    pid = exporter.process.pid
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def listening_of(pid: int) -> set[int]:
    """Return the loopback ports on which a process listens."""
    sockets = set()
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        # The process works on: what it had open it may have closed meanwhile.
        with suppress(FileNotFoundError):
            sockets.add(str(handle.readlink()))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        int(row[1].rpartition(":")[2], 16)
        for row in rows
        if row[3] == "0A" and f"socket:[{row[9]}]" in sockets
    }


def test_scrapes_and_pages_come_from_one_port(exporter: Running) -> None:
    """What the page says is ready is in the scrape after it, and both processes are counted."""
    url = exporter.url()
    exporter.wait_until_ready(url)
    text = exporter.get(f"{url}/metrics").text
    values = {
        one.name: one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }
    assert values["gitlab_dora_project_deployments_total"] == 1
    for pid in (front_of(exporter), exporter.process.pid):
        status = Path(f"/proc/{pid}/statm").read_text().split()
        assert values["process_resident_memory_bytes"] > int(status[1]) * 4096
    path = "api/v4/projects/acme%2Fapp/dora/metrics?metric=deployment_frequency&interval=all"
    assert exporter.get(f"{url}/{path}").json() == 1


def test_the_pages_behind_answer_only_the_front(exporter: Running) -> None:
    url = exporter.url()
    public = int(url.rpartition(":")[2])
    (behind,) = listening_of(exporter.process.pid) - {public}
    for path in ("/metrics", "/-/healthy", "/projects/1/dora/metrics?metric=deployment_frequency"):
        answer = requests.get(f"http://127.0.0.1:{behind}{path}", timeout=10)
        assert (answer.status_code, answer.json()) == (404, {"error": "404 Not Found"})


def test_the_front_ends_with_a_killed_exporter(exporter: Running) -> None:
    exporter.url()
    front = front_of(exporter)
    assert exporter.end(signal.SIGKILL, 10) == -signal.SIGKILL
    wait_until(lambda: not lives(front), 10)


def test_the_exporter_ends_with_a_killed_front(exporter: Running) -> None:
    """Its supervisor starts both anew."""
    exporter.wait_until_ready(exporter.url())
    os.kill(front_of(exporter), signal.SIGKILL)
    assert exporter.process.wait(15) == 1
    exporter.wait_for("the process that serves ended with -9")


def test_a_signal_to_all_processes_is_a_signal_to_the_exporter(exporter: Running) -> None:
    """As systemd and terminals send it."""
    url = exporter.url()
    exporter.wait_until_ready(url)
    front = front_of(exporter)
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(front, number)
    assert exporter.get(f"{url}/-/healthy").status_code == 200
    os.kill(front, signal.SIGTERM)
    assert exporter.end(signal.SIGTERM, 10) == 0
    wait_until(lambda: not lives(front), 10)
