"""Who goes first where polls and answers want the same processor: the answers."""

import os
import sys
import threading
from contextlib import suppress

NICENESS = 5
"""A third of the usual share of a processor, where it is contended."""


def let_others_first() -> None:
    """Have this thread, and those that it starts from now on, give way to the others.

    A poll has until the next one; who scrapes waits for its answer. Linux keeps this for each
    thread, other systems for the whole process, where it would be no use.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox may not allow it, and polls do without
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
