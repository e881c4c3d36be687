"""A program that forks exporters, ready to poll within milliseconds, so that many can be killed.

It is started in a folder with a ``config.yaml``. Each line that it gets is the folder of another
exporter, to be begun there; it answers with that one's process id, and when that ended with how.
Each polls again and again, or once where the line begins with ``once``.
"""

import os
import sys
from pathlib import Path
from time import sleep

from exporter.config import load
from exporter.service import Service

PAUSE = 0.02


def exporter_in(folder: Path, *, once: bool) -> None:
    """Poll as the exporter does; there is no page."""
    settings = load(folder / "config.yaml", {})
    with Service(settings, settings.gitlab.token_source()) as service:
        while True:
            complete = service.poll()
            if once and complete:
                return
            sleep(PAUSE)


def main() -> None:
    """Fork, wait, tell."""
    for line in sys.stdin:
        kind, _, folder = line.strip().partition(" ")
        child = os.fork()
        if child == 0:
            exporter_in(Path(folder), once=kind == "once")
            os._exit(0)
        print(child, flush=True)  # noqa: T201 - the answer
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
