"""What a process and its children have spent: processor time and memory, as Linux tells it."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(one) for file in listed for one in file.read_text(encoding="ascii").split()]
    return [pid, *(one for child in children for one in family(child))]


def processor_seconds(pid: int) -> float:
    """Return the processor time that a family of processes has taken."""
    total = 0
    for one in family(pid):
        # The name may hold spaces; it ends with the last bracket.
        fields = Path(f"/proc/{one}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def megabytes(pid: int, kind: str) -> float:
    """Return the memory of a family of processes: ``Rss``, or ``Pss`` that counts shared once."""
    return sum(_megabytes(one, "smaps_rollup", kind) for one in family(pid))


def peak_megabytes(pid: int) -> float:
    """Return the most resident memory that each of a family had, added up."""
    return sum(_megabytes(one, "status", "VmHWM") for one in family(pid))


def _megabytes(pid: int, file: str, kind: str) -> float:
    lines = Path(f"/proc/{pid}/{file}").read_text(encoding="ascii").splitlines()
    (found,) = [line for line in lines if line.startswith(f"{kind}:")]
    return int(found.split()[1]) / 1024
