"""A private Prometheus server that scrapes one target every second."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.ports import free_port
from tests.prometheus.process import running
from tests.tools import require

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def query(self, expression: str) -> dict[Labels, float]:
        """Return the vector that an instant query gives now; labels are without the name."""
        vector = self._ask("query", query=expression)["result"]
        return {
            frozenset((name, text) for name, text in one["metric"].items() if name != "__name__"): (
                float(one["value"][1])
            )
            for one in vector
        }

    def target(self) -> dict[str, Any]:
        """Return what the server knows of its one target."""
        (target,) = self._ask("targets")["activeTargets"]
        known: dict[str, Any] = target
        return known

    def metadata(self) -> dict[str, tuple[str, str]]:
        """Return kind and help of each family that was scraped."""
        return {
            name: (entries[0]["type"], entries[0]["help"])
            for name, entries in self._ask("metadata").items()
        }

    def _ask(self, what: str, **parameters: str) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@contextmanager
def scraping(
    target: str, folder: Path, *, retention: str = "15d", **job: Any
) -> Iterator[Prometheus]:
    """Run a server in a folder; it scrapes ``host:port``, as the job's settings say.

    Blocks in ``data`` of the folder are its past.
    """
    program = require("prometheus")
    port = free_port()
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
                "scrape_configs": [
                    {
                        "job_name": "gitlab-dora",
                        "static_configs": [{"targets": [target]}],
                        **job,
                    }
                ],
            }
        )
    )
    address = f"127.0.0.1:{port}"
    command = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={retention}",
        f"--web.listen-address={address}",
    ]
    with running(command, address, folder / "log"):
        yield Prometheus(f"http://{address}")
