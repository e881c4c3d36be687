"""What the system sees of an exporter: the files that it writes and where it connects to."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.process import ANY_PORT, Running, started
from tests.tools import missing, require

_CALLS = (
    "openat,open,creat,mkdir,mkdirat,unlink,unlinkat,rmdir,rename,renameat,renameat2,link,linkat,"
    "symlink,symlinkat,truncate,chmod,fchmodat,chown,fchownat,mknod,mknodat,connect,sendto,getsockname"
)
_WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_INET = re.compile(r"sin6?_port=htons\((\d+)\).*?inet_(?:addr|pton)\((?:AF_INET6, )?\"([^\"]+)\"")
_UNIX = re.compile(r'sun_path=@?"([^"]*)"')


@dataclass(frozen=True)
class Trace:
    """The calls of a process and all that it started."""

    calls: tuple[str, ...]
    folder: Path

    @classmethod
    def read(cls, file: Path, folder: Path) -> "Trace":
        """Read what strace wrote; calls that were interrupted are joined."""
        calls: list[str] = []
        unfinished: dict[str, str] = {}
        for line in file.read_text(errors="replace").splitlines():
            pid, _, call = line.partition(" ")
            call = call.strip()
            if call.endswith("<unfinished ...>"):
                unfinished[pid] = call.removesuffix("<unfinished ...>")
            elif call.startswith("<... "):
                calls.append(unfinished.pop(pid, "") + call.partition(" resumed>")[2])
            else:
                calls.append(call)
        # Who was killed meanwhile may have done it all the same.
        return cls((*calls, *unfinished.values()), folder)

    def written(self) -> set[Path]:
        """Return each path that was to be written, made, renamed or removed."""
        found = set()
        for call in self.calls:
            name = call.partition("(")[0]
            if name in {"connect", "sendto", "getsockname"} or not name.isidentifier():
                continue
            if name in {"open", "openat"} and not any(flag in call for flag in _WRITES):
                continue
            found |= {(self.folder / text).resolve() for text in _TEXT.findall(call)}
        return found

    def connected(self) -> set[str]:
        """Return each address that was to be reached: ``host:port``, or the path of a socket."""
        return self._addresses("connect") | self._addresses("sendto")

    def own(self) -> set[str]:
        """Return each address that the processes have themselves."""
        return self._addresses("getsockname")

    def _addresses(self, name: str) -> set[str]:
        ours = [call for call in self.calls if call.startswith(f"{name}(")]
        inet = {f"{host}:{port}" for call in ours for port, host in _INET.findall(call)}
        return inet | {path for call in ours for path in _UNIX.findall(call)}


@contextmanager
def traced(folder: Path, file: Path, **environ: str) -> Iterator[Running]:
    """Run the exporter that is configured in a folder, and write to a file what it calls."""
    strace = require("strace")
    able = subprocess.run([strace, "-o", file, "true"], capture_output=True, check=False)
    if able.returncode:
        missing(f"nothing can be traced here: {able.stderr.decode()}")
    # The tracer stands beside, so that signals reach the exporter.
    tracer = (strace, "-D", "-f", "-qq", "-s", "4096", "-o", file, "-e", f"trace={_CALLS}")
    with started(
        ["run", "--config.file", folder / "config.yaml", *ANY_PORT],
        folder=folder,
        environ={"PYTHONDONTWRITEBYTECODE": "1", **environ},
        under=tracer,
    ) as running:
        yield running
