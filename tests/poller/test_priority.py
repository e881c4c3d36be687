"""Polls give way to answers."""

import os
import sys
from datetime import timedelta
from queue import SimpleQueue
from threading import Event, Thread, get_native_id

import pytest

from exporter.poller.priority import NICENESS
from exporter.poller.schedule import Schedule


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep this for whole processes")
def test_polls_and_the_threads_they_start_give_way_and_no_others_do() -> None:
    before = os.getpriority(os.PRIO_PROCESS, get_native_id())
    seen = SimpleQueue[int]()

    def look() -> None:
        seen.put(os.getpriority(os.PRIO_PROCESS, get_native_id()))

    def poll() -> None:
        look()
        helper = Thread(target=look)
        helper.start()
        helper.join()

    day = timedelta(days=1)
    schedule = Schedule(
        poll=poll,
        discover=look,
        poll_interval=day,
        discovery_interval=day,
        stop=Event(),
    )
    schedule.start()
    try:
        assert [seen.get(timeout=30) for _ in range(3)] == [NICENESS] * 3
    finally:
        assert schedule.shut_down(30)
    assert os.getpriority(os.PRIO_PROCESS, get_native_id()) == before
