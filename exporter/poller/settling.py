"""Reading merge requests as soon as they are final, where no poll comes soon enough to do it."""

from collections.abc import Callable
from datetime import timedelta
from threading import Lock

PATIENCE = timedelta(minutes=3).total_seconds()
"""A poll that comes so soon after merge requests are final may read them."""

BeginIn = Callable[[float], object]
"""Has :meth:`Settling.read` called after some seconds, not beside a poll."""


class Settling:
    """Has merge requests read between polls; safe to use from several threads.

    Which deployments wait is found from the store each time, so that a restart loses none.
    """

    def __init__(
        self, read: Callable[[], object], all_settled_in: Callable[[], float | None]
    ) -> None:
        """Read by ``read``.

        Args:
            read: reads the merge requests that are final.
            all_settled_in: tells in how many seconds those of all deployments known now will be,
                None if they are.
        """
        self._read = read
        self._all_settled_in = all_settled_in
        self._lock = Lock()
        self._begin_in: BeginIn | None = None
        self._next_poll_in: Callable[[], float] | None = None
        self._expected = False

    def begin(self, begin_in: BeginIn, *, next_poll_in: Callable[[], float] | None) -> None:
        """Have them read from now on.

        Args:
            begin_in: runs :meth:`read` later.
            next_poll_in: tells in how many seconds the next poll comes; None if polls cannot be
                relied on, because they may find nothing to ask about.
        """
        with self._lock:
            self._begin_in = begin_in
            self._next_poll_in = next_poll_in

    def expect(self) -> None:
        """See to it that merge requests are read in time; to be called after each poll."""
        with self._lock:
            if self._expected or self._begin_in is None:
                return
            seconds = self._all_settled_in()
            if seconds is None:
                return
            if self._next_poll_in and self._next_poll_in() <= seconds + PATIENCE:
                return
            self._expected = True
            self._begin_in(seconds)

    def read(self) -> None:
        """Read them, unless a poll came meanwhile: it read some, and the rest comes together."""
        with self._lock:
            self._expected = False
        if self._all_settled_in() is None:
            self._read()
        self.expect()
