"""Running :mod:`tests.bench.load` as a process of its own, which competes with nobody's threads."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]


def load_on(
    url: str, token: str, *, rate: float, seconds: float, encoding: str, connections: int = 16
) -> dict[str, Any]:
    """Send ``rate`` requests a second, or without pause if 0; return the report."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.bench.load", url, f"--rate={rate}"),
            *(f"--seconds={seconds}", f"--encoding={encoding}", f"--connections={connections}"),
        ],
        cwd=_ROOT,
        env={**os.environ, "TOKEN": token},
        stdout=subprocess.PIPE,
        check=True,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    return report
