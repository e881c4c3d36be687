"""The command, which can be ended from its first moment on."""

import os
import signal
import sys
from typing import NoReturn


def main() -> int:
    """Run the command; return its exit code.

    The kernel spares the first process of a container every signal that it has not asked for, and
    the command asks for SIGTERM only once it serves. Until then, some seconds on a busy machine,
    and in what only looks something up, the process ends here as any other would.
    """
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, _end)
    from exporter.cli import main as run  # noqa: PLC0415 - takes the most of these seconds

    return run()


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)
