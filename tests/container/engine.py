"""podman and buildah with storage, mounts, processes and network of their own, gone in the end.

Nothing of this machine's own containers is seen or touched: images, volumes, locks, the state of
networks and firewall rules are all apart.
"""

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tools import missing, require

PROGRAMS = ("podman", "buildah", "crun", "conmon", "catatonit", "iptables", "ip", "nsenter", "curl")
# Debian keeps these out of the path of programs.
HELPERS = ("netavark", "aardvark-dns")

_NAMESPACES = """
set -eu
# crun 1.8 refuses a machine that has both versions of control groups mounted.
if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
# Known by their names alone, whatever the storage is; locks are in shared memory.
for state in /run/containers /run/crun /run/netns /dev/shm; do
  mkdir -p $state
  mount -t tmpfs tmpfs $state
done
ip link set lo up
echo ready
# Somebody must take leave of the processes that outlive their parents; until the input is closed,
# if only because the tests were killed.
exec catatonit -- cat
"""

# What podman starts to clean up after a container does not see this file, but for what its own
# arguments say again: only such settings may stand here.
_CONTAINERS = """\
[containers]
default_ulimits = ["nofile={nofile}:{nofile}", "nproc={nproc}:{nproc}"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
tmp_dir = "{folder}/tmp"
volume_path = "{folder}/volumes"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""

_STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/storage"
runroot = "{folder}/run"
"""


@dataclass(frozen=True)
class Engine:
    """Where podman and buildah work.

    Attributes:
        folder: Holds the storage; nobody else may use it.
        holder: The id of the process that all others of the engine die with.
    """

    folder: Path
    holder: int

    def attempt(
        self,
        *command: str | Path,
        apart: bool = False,
        environ: dict[str, str] | None = None,
        seconds: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end among the engine's mounts and processes.

        Args:
            command: The program and its arguments.
            apart: Whether in the engine's network, too, which reaches nothing outside.
            environ: More variables.
            seconds: How long it may take.
        """
        namespaces = ["--mount", "--pid", *(["--net"] if apart else [])]
        return subprocess.run(
            ["nsenter", "--target", str(self.holder), *namespaces, "--", *command],
            env={**_environment(self.folder), **(environ or {})},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def run(
        self,
        *command: str | Path,
        apart: bool = False,
        environ: dict[str, str] | None = None,
        seconds: float = 120,
    ) -> str:
        """Return what a command wrote to its output; it must succeed."""
        done = self.attempt(*command, apart=apart, environ=environ, seconds=seconds)
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        """Return what podman knows of a container or an image."""
        (found,) = json.loads(self.run("podman", kind, "inspect", name))
        known: dict[str, Any] = found
        return known

    def get(self, url: str, process: int = 1) -> tuple[int, str]:
        """Return status and text of an answer; 0 where there is none.

        Args:
            url: What to ask for.
            process: One of the engine's, in whose network to ask; else in the engine's own.
        """
        asking = ("curl", "--silent", "--globoff", "--noproxy", "*", "--max-time", "30")
        entering = ("nsenter", "--target", str(process), "--net", "--")
        done = self.attempt(*entering, *asking, "--write-out", "\n%{http_code}", url)
        text, _, status = done.stdout.rpartition("\n")
        return int(status), text


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """Work in a new folder, which is removed in the end with all that was made in it."""
    _require_engine()
    folder.mkdir()
    _configure(folder)
    outside = subprocess.Popen(
        [
            *(require("unshare"), "--mount", "--net", "--propagation", "private"),
            *("--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", _NAMESPACES),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert outside.stdout
        assert outside.stderr
        if outside.stdout.readline() != "ready\n":
            missing(f"no namespaces can be made here: {outside.stderr.read()}")
        children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text()
        made = Engine(folder, int(children))
        try:
            yield made
        finally:
            for kind in (["pod", "rm"], ["rm"]):
                made.attempt("podman", *kind, "--all", "--force", "--time", "0", apart=True)
    finally:
        # Whatever still runs is killed by the kernel, and what it had mounted is gone.
        outside.communicate()
        shutil.rmtree(folder)
        _remove_groups()


def _require_engine() -> None:
    if os.geteuid() != 0:
        missing("images are built and run by root only")
    for program in PROGRAMS:
        require(program)
    for helper in HELPERS:
        if not any(
            Path(place, helper).exists() for place in ("/usr/lib/podman", "/usr/libexec/podman")
        ):
            missing(f"{helper} is not installed")


def _configure(folder: Path) -> None:
    limits = {
        "nofile": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "nproc": resource.getrlimit(resource.RLIMIT_NPROC)[1],
    }
    # podman would ask for 1048576 of each, which root may not have everywhere.
    most = {name: 1048576 if limit < 0 else min(limit, 1048576) for name, limit in limits.items()}
    (folder / "containers.conf").write_text(_CONTAINERS.format(folder=folder, **most))
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))


def _environment(folder: Path) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("GITLAB", "DORA"))
    }
    return {
        **kept,
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "TMPDIR": str(folder),
        # podman would have systemd look at the health; here the tests do.
        "DISABLE_HC_SYSTEMD": "true",
    }


def _remove_groups() -> None:
    """Remove the control groups that podman leaves behind, unless somebody else uses them."""
    root = Path("/sys/fs/cgroup")
    for group in [*root.glob("libpod_parent"), *root.glob("*/libpod_parent")]:
        # One that holds processes or other groups stays.
        for empty in [*group.glob("*/"), group]:
            with suppress(OSError):
                empty.rmdir()
