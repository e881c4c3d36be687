"""The command as a process that serves with a web configuration."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.process import ANY_PORT, Running, started
from tests.webconfig.curl import Answer, curl
from tests.webconfig.secured import Secured

WEBHOOK_SECRET = "zq7-secret-of-the-webhook"
_CONFIG = """\
gitlab: {url: "%s", max_requests_per_second: 1000}
groups: [acme]
poll: {interval: 1h}
webhook: {secret: %s}
"""


@dataclass(frozen=True)
class Serving:
    """The process, its files, and ``host:port``; what it serves follows the web configuration."""

    process: Running
    secured: Secured
    address: str

    def curl(self, path: str, *options: str, scheme: str = "https") -> Answer:
        """Ask for a page."""
        return curl(self.secured.folder, *options, f"{scheme}://{self.address}{path}")


@contextmanager
def serving(secured: Secured) -> Iterator[Serving]:
    """Start the command with the web configuration as it is."""
    world = World()
    world.add_environment(world.add_project("acme/app"), "production")
    with SimulatedGitLab(world) as gitlab:
        (secured.folder / "config.yaml").write_text(_CONFIG % (gitlab.url, WEBHOOK_SECRET))
        with started(
            ["run", *ANY_PORT, "--web.config.file", "web.yml", "--log.level", "debug"],
            folder=secured.folder,
            environ={"GITLAB_TOKEN": DEFAULT_TOKEN},
        ) as process:
            address = process.url().removeprefix("http://")
            process.wait_for("poll finished")
            yield Serving(process, secured, address)
