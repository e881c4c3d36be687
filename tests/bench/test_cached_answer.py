"""How many requests a second the exporter answers, each caller checked, from what it keeps."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.simulator.generator import generate
from tests.bench.loading import load_on

RATE = 500
SECONDS = 10

_GROUP = "acme"
_REPORTER = 20
_REPORTERS_TOKEN = "reporters-token"
_ROOT = Path(__file__).parents[2]
_PATIENCE = 60.0

pytestmark = [pytest.mark.bench, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Setup:
    """A running exporter with a question to it, and the GitLab that it asks about callers."""

    url: str
    gitlab: SimulatedGitLab


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("cached")
    world = World()
    generate(world, seed=1, days=100)
    reporter = world.add_user("reporter")
    world.add_token(_REPORTERS_TOKEN, user=reporter)
    world.add_member(world.add_group(_GROUP), reporter, _REPORTER)
    with SimulatedGitLab(world) as gitlab, _exporter(gitlab.url, folder) as base:
        yield Setup(
            f"{base}/api/v4/groups/{_GROUP}/dora/metrics?metric=lead_time_for_changes", gitlab
        )


@contextmanager
def _exporter(gitlab_url: str, folder: Path) -> Iterator[str]:
    """Run the exporter as a program until it is ready; yield where it answers."""
    config = folder / "config.yaml"
    settings = {
        "gitlab": {"url": gitlab_url, "token": DEFAULT_TOKEN, "max_requests_per_second": 1000},
        "groups": [_GROUP],
        "store": {"url": f"sqlite:///{folder / 'dora.db'}"},
    }
    config.write_text(json.dumps(settings))  # which is YAML
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [
                *(sys.executable, "-m", "exporter", "run"),
                *("--config.file", config, "--web.listen-address", address),
            ],
            cwd=_ROOT,
            stderr=log,
        ) as process,
    ):
        try:
            until = time.monotonic() + _PATIENCE
            while not _ready(f"http://{address}/-/ready"):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until, (folder / "log").read_text()
                time.sleep(0.1)
            yield f"http://{address}"
        finally:
            process.terminate()


def _ready(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_500_requests_a_second_for_one_answer_are_all_answered(
    encoding: str, setup: Setup, capsys: pytest.CaptureFixture[str]
) -> None:
    headers = {"PRIVATE-TOKEN": _REPORTERS_TOKEN}
    body = requests.get(setup.url, headers=headers, timeout=10).json()
    assert len(body) >= 90
    assert any(number is not None for day in body for number in day.values())

    setup.gitlab.requests.clear()
    steady = load_on(setup.url, _REPORTERS_TOKEN, rate=RATE, seconds=SECONDS, encoding=encoding)
    asked = [one for one in setup.gitlab.requests if one.path.endswith("/user")]
    fastest = load_on(setup.url, _REPORTERS_TOKEN, rate=0, seconds=3, encoding=encoding)
    with capsys.disabled():
        print(  # noqa: T201 - the figures are the point
            f"\n{encoding:8} {steady['per_second']:.0f} a second, {steady['errors']} errors, "
            f"p50 {steady['p50']:.2f} ms, p99 {steady['p99']:.2f} ms; "
            f"without pause {fastest['per_second']:.0f} a second, "
            f"p99 {fastest['p99']:.2f} ms, {fastest['errors']} errors",
            end="",
        )
    assert steady["errors"] == 0
    assert fastest["errors"] == 0
    assert steady["answers"] >= RATE * SECONDS
    assert steady["per_second"] >= RATE * 0.98  # the last answer comes a little after the end
    assert len(asked) <= 1  # what GitLab says of a caller is kept
