import threading
from pathlib import Path

from tests.reliability.footprint import Footprint

MEGABYTE = 2**20


def test_threads_handles_and_memory_are_seen(tmp_path: Path) -> None:
    before, end = Footprint.now(), threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    with (tmp_path / "file").open("w", encoding="utf-8"):
        kept = [bytes([number]) * MEGABYTE for number in range(30)]
        objects: list[list[int]] = [[] for _ in range(10_000)]
        now = Footprint.now()
    end.set()
    thread.join()
    assert now.threads == before.threads + 1
    assert now.handles == before.handles + 1
    assert now.memory - before.memory > 20 * MEGABYTE
    assert now.objects - before.objects >= len(objects)
    del kept
