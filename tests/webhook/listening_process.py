"""An exporter as a process that listens for events, and asks GitLab for nothing else meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import requests

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab
from tests.process import ANY_PORT, Running, started
from tests.webhook.payloads import SECRET

_CONFIG = """\
gitlab: {{url: "{url}", max_requests_per_second: 1000}}
groups: [acme]
poll: {{interval: 1h, discovery_interval: 1h, history: 90d}}
webhook: {{secret_file: secret, spacing: {spacing}}}
api: {{auth: none}}
"""


@dataclass(frozen=True)
class Listening:
    """The process, the secret that it wants, and where it answers."""

    process: Running
    url: str

    def scrape(self, session: requests.Session) -> float:
        """Scrape once; return how many seconds it took."""
        begin = perf_counter()
        answer = session.get(f"{self.url}/metrics", timeout=60)
        assert answer.status_code == 200
        assert "gitlab_dora_exporter_webhook_events_total" in answer.text
        return perf_counter() - begin

    def memory(self) -> float:
        """Return the resident memory in MB."""
        pages = Path(f"/proc/{self.process.process.pid}/statm").read_text().split()[1]
        return int(pages) * 4096 / 1e6


@contextmanager
def listening_to(
    gitlab: SimulatedGitLab, folder: Path, *, spacing: str = "3m"
) -> Iterator[Listening]:
    """Start an exporter of the group ``acme``, and wait until its first poll is complete."""
    (folder / "config.yaml").write_text(_CONFIG.format(url=gitlab.url, spacing=spacing))
    (folder / "secret").write_text(SECRET)
    with started(
        ["run", *ANY_PORT, "--log.level", "debug"],
        folder=folder,
        environ={"GITLAB_TOKEN": DEFAULT_TOKEN},
    ) as exporter:
        exporter.wait_for("listening for GitLab's deployment events at /webhook")
        url = exporter.url()
        exporter.wait_until_ready(url)
        yield Listening(exporter, url)
