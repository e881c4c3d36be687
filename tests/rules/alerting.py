"""A private Alertmanager, and a private Prometheus that tells it what its rules raise."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.ports import free_port
from tests.prometheus.process import running
from tests.prometheus.server import Prometheus
from tests.tools import require

EVERY_SECOND = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}


@dataclass(frozen=True)
class Alertmanager:
    """A running Alertmanager."""

    address: str

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts it knows, as its API shows them."""
        answer = requests.get(f"http://{self.address}/api/v2/alerts", timeout=30)
        assert answer.status_code == 200, answer.text
        known: list[dict[str, Any]] = answer.json()
        return known


@contextmanager
def alertmanager(folder: Path) -> Iterator[Alertmanager]:
    """Run an Alertmanager in a folder; it keeps what it receives and tells nobody."""
    settings = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(settings))
    address = f"127.0.0.1:{free_port()}"
    command = [
        require("prometheus-alertmanager"),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with running(command, address, folder / "alertmanager.log"):
        yield Alertmanager(address)


@contextmanager
def prometheus(
    target: str, receiver: Alertmanager, rules: Sequence[Path], folder: Path
) -> Iterator[Prometheus]:
    """Run a Prometheus in a folder; it scrapes ``host:port`` and evaluates rule files."""
    settings = {
        "global": EVERY_SECOND,
        "rule_files": [str(path) for path in rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [receiver.address]}]}]},
        "scrape_configs": [
            {"job_name": "gitlab-dora", "static_configs": [{"targets": [target]}]},
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    address = f"127.0.0.1:{free_port()}"
    command = [
        require("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={address}",
    ]
    with running(command, address, folder / "prometheus.log"):
        yield Prometheus(f"http://{address}")
