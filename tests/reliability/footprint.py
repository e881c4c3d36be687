"""What a process holds: memory, threads and file handles, as Linux tells it."""

import gc
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Footprint:
    """``memory`` is resident, in bytes, and ``objects`` what the collector of garbage follows."""

    memory: int
    objects: int
    threads: int
    handles: int

    @classmethod
    def now(cls) -> Self:
        """Return that of this process, without its garbage."""
        gc.collect()
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return cls(
            int(pages) * _PAGE,
            len(gc.get_objects()),
            threading.active_count(),
            len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - the folder itself is a handle
        )

    def __str__(self) -> str:
        return (
            f"{self.memory / 2**20:.1f} MB, {self.objects} objects, "
            f"{self.threads} threads, {self.handles} handles"
        )
