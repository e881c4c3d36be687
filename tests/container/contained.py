"""A running container of the image."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.container.engine import Engine
from tests.waiting import wait_until

# As the README says, and what else a careful administrator takes away. podman would put more
# temporary file systems into a read-only container than Docker does.
RESTRICTED = (
    *("--read-only", "--read-only-tmpfs=false", "--tmpfs", "/tmp"),  # noqa: S108 - its own
    *("--cap-drop=all", "--security-opt", "no-new-privileges"),
)


@dataclass(frozen=True)
class Container:
    """A container that runs.

    Attributes:
        engine: What it runs with.
        name: Its id or name.
        port: Where it listens, in its own network.
    """

    engine: Engine
    name: str
    port: int = 10143

    def inspect(self) -> dict[str, Any]:
        """Return what podman knows of it."""
        return self.engine.inspect("container", self.name)

    def get(self, path: str) -> tuple[int, str]:
        """Return status and text of an answer; 0 where there is none."""
        process: int = self.inspect()["State"]["Pid"]
        return self.engine.get(f"http://127.0.0.1:{self.port}{path}", process)

    def wait_until_ready(self) -> None:
        """Wait until the first poll is shown."""
        wait_until(lambda: self.get("/-/ready")[0] == 200, every=0.5)

    def execute(self, *command: str) -> str:
        """Return what a command in it wrote; it must succeed."""
        return self.engine.run("podman", "exec", self.name, *command)

    def status(self) -> dict[str, str]:
        """Return what the kernel says of its first process."""
        lines = self.execute("cat", "/proc/1/status").splitlines()
        return {name: value.strip() for name, _, value in (one.partition(":") for one in lines)}

    def log(self) -> str:
        """Return all that it wrote."""
        done = self.engine.attempt("podman", "logs", self.name)
        return done.stdout + done.stderr

    def look_at_health(self) -> bool:
        """Run its health check once, as Docker does at intervals; return whether it succeeds."""
        done = self.engine.attempt("podman", "healthcheck", "run", self.name)
        assert done.returncode in {0, 1}, done.stderr
        return done.returncode == 0

    def health(self) -> str:
        """Return what the health checks so far amount to."""
        health: str = self.inspect()["State"]["Health"]["Status"]
        return health

    def signal(self, number: str) -> None:
        """Send a signal to all of its processes."""
        listed = self.engine.run("podman", "top", self.name, "hpid").split()[1:]
        self.engine.run("kill", f"-{number}", *listed)

    def stop(self) -> int:
        """End it as ``docker stop`` does, which kills it after 10 s; return the exit code."""
        self.engine.run("podman", "stop", "--time", "10", self.name, apart=True)
        code: int = self.inspect()["State"]["ExitCode"]
        return code


@contextmanager
def started(
    engine: Engine,
    image: str,
    *arguments: str,
    options: Sequence[str] = ("--network", "none"),
    environ: dict[str, str] | None = None,
    port: int = 10143,
) -> Iterator[Container]:
    """Run a container until the test is done with it; named volumes stay."""
    name = engine.run(
        *("podman", "run", "--detach", *RESTRICTED, *options, image, *arguments), environ=environ
    ).strip()
    try:
        yield Container(engine, name, port)
    finally:
        engine.run("podman", "rm", "--force", "--time", "0", "--volumes", name)
