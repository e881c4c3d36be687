"""A container of a pod as a process of this machine, as near to a cluster's as namespaces bring it.

It has the root file system of this machine behind an overlay that is read-only where the manifest
says so, its volumes at their places, its own process ids, the user, groups, capabilities and
environment of the manifest and nothing else. The network is this machine's.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.helm.cluster import Cluster, write_volume
from tests.helm.engine import Manifest
from tests.process import Running
from tests.tools import missing, require
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
# What an image would hold: Python with the exporter. The project is installed as a link to itself.
_IMAGE = tuple(dict.fromkeys([ROOT, Path(sys.prefix), Path(sys.base_prefix)]))
_PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
_OF_THE_KUBELET = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@dataclass(frozen=True)
class Sandbox:
    """Where a pod's volumes are, and what its containers are run with.

    Attributes:
        folder: Holds the volumes; nobody else may use it.
        pod: The spec of the pod.
        cluster: What its volumes and variables refer to.
        hosts: Names that resolve to this machine.
    """

    folder: Path
    pod: Manifest
    cluster: Cluster
    hosts: tuple[str, ...] = ()
    _sources: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the volumes."""
        for volume in self.pod.get("volumes", []):
            self._sources[volume["name"]] = self._new_volume(volume)

    def volume(self, name: str) -> Path:
        """Return where a volume is on this machine."""
        return self._sources[name]

    def renew(self, name: str, files: Mapping[str, str]) -> None:
        """Change the files of a volume, as the kubelet does when a Secret changes."""
        (volume,) = (one for one in self.pod["volumes"] if one["name"] == name)
        self._write(volume, files)

    @contextmanager
    def running(self, container: Manifest) -> Iterator["Contained"]:
        """Run a container until the test is done with it."""
        process = subprocess.Popen(
            [
                *(require("unshare"), "--mount", "--pid", "--fork", "--kill-child"),
                *("--propagation", "private", "--", "sh", "-c", self._script(container)),
            ],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        contained = Contained(process)
        try:
            yield contained
        finally:
            contained.close()

    def _new_volume(self, volume: Mapping[str, Any]) -> Path:
        if "hostPath" in volume:
            return Path(volume["hostPath"]["path"])
        place = self.folder / str(volume["name"])
        files = self.cluster.files(volume)
        if files is not None:
            self._write(volume, files)
            return place
        # The kubelet gives disks and empty folders to the group of the pod.
        place.mkdir()
        os.chown(place, 0, self._group if self._group is not None else 0)
        place.chmod(0o777 if "emptyDir" in volume else 0o2775)
        return place

    def _write(self, volume: Mapping[str, Any], files: Mapping[str, str]) -> None:
        source = volume.get("secret") or volume["configMap"]
        mode = source.get("defaultMode", 0o644)
        write_volume(self.folder / volume["name"], files, mode=mode, group=self._group)

    @property
    def _group(self) -> int | None:
        group: int | None = self.pod.get("securityContext", {}).get("fsGroup")
        return group

    def _script(self, container: Manifest) -> str:
        """Return the shell script that makes the container's world and becomes the container."""
        security = {**self.pod.get("securityContext", {}), **container.get("securityContext", {})}
        layers, root = self.folder / ".layers", self.folder / ".layers/root"
        branches = f"lowerdir=/,upperdir={layers}/upper,workdir={layers}/work"
        lines = [
            "set -eu",
            f"mkdir -p {layers}",
            f"mount -t tmpfs tmpfs {layers}",
            f"mkdir {layers}/upper {layers}/work {root}",
            f"mount -t overlay overlay -o {branches} {root}",
        ]
        lines += [f"echo 127.0.0.1 {host} >>{root}/etc/hosts" for host in self.hosts]
        for mount in container.get("volumeMounts", []):
            place = f"{root}{mount['mountPath']}"
            lines += [f"mkdir -p {place}", f"mount --bind {self.volume(mount['name'])} {place}"]
            if mount.get("readOnly"):
                lines += [f"mount -o remount,bind,ro {place}"]
        # After the volumes, one of which is /tmp: a virtual environment may be there.
        for part in _IMAGE:
            lines += [f"mkdir -p {root}{part}", *_open_way(root, part)]
            lines += [f"mount --bind {part} {root}{part}"]
            lines += [f"mount -o remount,bind,ro {root}{part}"]
        lines += [f"mount -t proc proc {root}/proc", f"mount --rbind /dev {root}/dev"]
        if security.get("readOnlyRootFilesystem"):
            lines += [f"mount -o remount,ro {root}"]
        environ = {"PATH": _PATH, "HOSTNAME": "pod", **_OF_THE_KUBELET}
        environ |= self.cluster.environment(container)
        command = [
            *("chroot", str(root), require("setpriv"), *_privileges(security)),
            *("env", "-i", *(f"{name}={value}" for name, value in environ.items())),
            *container["command"],
            *container.get("args", []),
        ]
        return "\n".join([*lines, f"cd {root}", f"exec {shlex.join(command)}"])


class Contained(Running):
    """A running container."""

    @property
    def pid(self) -> int:
        """The id of its first process, as this machine sees it."""
        wait_until(lambda: bool(self._children()))
        return self._children()[0]

    def close(self) -> None:
        """Kill all of it: who changed its user does not die with `unshare`."""
        for child in self._children():
            os.kill(child, signal.SIGKILL)
        super().close()

    def _children(self) -> list[int]:
        parent = self.process.pid
        try:
            text = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="utf-8")
        except OSError:  # it has ended
            return []
        return [int(number) for number in text.split()]

    def status(self) -> dict[str, str]:
        """Return what the kernel says of its first process."""
        text = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return {
            name: value.strip()
            for name, _, value in (line.partition(":") for line in text.splitlines())
        }

    def terminate(self, number: int, seconds: float) -> int:
        """Send it a signal; return its exit code, which must come within some seconds."""
        os.kill(self.pid, number)
        return self.process.wait(seconds)


def require_sandbox() -> None:
    """Skip the test where containers cannot be made; in CI it fails."""
    if os.geteuid() != 0:
        missing("containers of the chart are run by root only")
    tried = subprocess.run(
        [require("unshare"), "--mount", "--pid", "--fork", "sh", "-c", "mount -t tmpfs x /mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        missing(f"no namespaces can be made here: {tried.stderr}")
    if shutil.which("setpriv") is None:
        missing("setpriv is not installed")


def _open_way(root: Path, part: Path) -> list[str]:
    """Let everybody pass the folders above; in the overlay only, not on this machine."""
    return [f"chmod a+x {root}{parent}" for parent in list(part.parents)[:-1]]


def _privileges(security: Mapping[str, Any]) -> list[str]:
    found = []
    if "runAsUser" in security:
        found += [f"--reuid={security['runAsUser']}"]
        found += [f"--regid={security.get('runAsGroup', 0)}"]
        found += [f"--groups={security['fsGroup']}"] if "fsGroup" in security else []
        found += [] if "fsGroup" in security else ["--clear-groups"]
    if security.get("capabilities", {}).get("drop") == ["ALL"]:
        found += ["--inh-caps=-all", "--bounding-set=-all"]
    if security.get("allowPrivilegeEscalation") is False:
        found += ["--no-new-privs"]
    return found
