"""An exporter and a simulated GitLab of a fleet, each as a process of its own."""

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporter.simulator import DEFAULT_TOKEN
from tests.process import ANY_PORT, started

PATIENCE = 300.0


class GitLab:
    """The simulated GitLab's process."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin
        assert process.stdout
        self._stdin, self._stdout = process.stdin, process.stdout
        self.url = self._stdout.readline().strip()

    def requests(self) -> int:
        """Return how many requests there were since this was last asked."""
        log = f"{self.url}/-/sim/requests"
        number = len(requests.get(log, timeout=60).json())
        requests.delete(log, timeout=60)
        return number

    def deploy(self, number: int) -> None:
        """Deploy to so many projects."""
        self._stdin.write(f"{number}\n")
        self._stdin.flush()
        assert self._stdout.readline() == "deployed\n"


@contextmanager
def gitlab(*, projects: int, days: int, seed: int, end: int) -> Iterator[GitLab]:
    """Run a simulated GitLab of a fleet that ends at an instant."""
    arguments = [sys.executable, "-m", "tests.bench.large_gitlab"]
    options = map(str, (projects, days, seed, end))
    with subprocess.Popen(
        [*arguments, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield GitLab(process)
        finally:
            process.kill()


def write_config(folder: Path, url: str, *, interval: str) -> None:
    """Configure an exporter that asks about all projects at each poll."""
    config = {
        "gitlab": {"url": url, "token": DEFAULT_TOKEN, "max_requests_per_second": 1000},
        "groups": [{"path": "company"}],
        "poll": {"interval": interval, "freshness": interval},
        "store": {"url": f"sqlite:///{folder / 'dora.db'}"},
        "api": {"auth": "none"},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Exporter:
    """Where the exporter serves, and its process."""

    url: str
    pid: int


@contextmanager
def running(folder: Path) -> Iterator[Exporter]:
    """Run the exporter that is configured in a folder."""
    arguments = ("run", "--config.file", folder / "config.yaml", *ANY_PORT)
    with started(arguments, folder=folder) as exporter:
        yield Exporter(exporter.url(), exporter.process.pid)


def value(exporter: Exporter, name: str, **labels: str) -> float:
    """Return the value of the one series with these labels, NaN where there is none."""
    answer = requests.get(f"{exporter.url}/metrics", params={"name[]": name}, timeout=60)
    found = [
        sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) <= 1
    return found[0] if found else math.nan


def polled_at(exporter: Exporter) -> float:
    """Return when the last complete poll began, NaN before the first."""
    return value(exporter, "gitlab_dora_exporter_last_poll_success_timestamp_seconds")


def counted(exporter: Exporter) -> float:
    """Return the deployments to production that were ever counted."""
    name = "gitlab_dora_group_deployments_total"
    return value(exporter, name, group="company", environment_tier="production")


def settled(read: Callable[[], float]) -> float:
    """Return a value once it stands nearly still for a second."""
    before = read()
    while True:
        time.sleep(1)
        now = read()
        if now - before < 0.1:
            return now
        before = now
