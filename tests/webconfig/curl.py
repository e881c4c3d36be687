"""curl, as users run it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.tools import require

_OPTIONS = (
    *("--silent", "--show-error"),
    *("--noproxy", "*"),
    *("--max-time", "30"),
    *("--write-out", "\\n%{http_code}"),
)


@dataclass(frozen=True)
class Answer:
    """What curl got: its exit code is 0 where there was an HTTP answer."""

    code: int
    status: int
    body: str
    error: str


def curl(folder: Path, *arguments: str) -> Answer:
    """Run curl in a folder."""
    done = subprocess.run(
        [require("curl"), *_OPTIONS, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    body, _, status = done.stdout.rpartition("\n")
    return Answer(done.returncode, int(status or 0), body, done.stderr)
