import gc
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest

from exporter.memory import give_back, uncollected
from tests.reliability.footprint import Footprint


def test_nothing_is_collected_within_and_again_afterwards() -> None:
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_an_error_turns_it_on_again() -> None:
    with pytest.raises(ValueError, match="unreadable"), uncollected():
        raise ValueError("unreadable")
    assert gc.isenabled()


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc gives back what lies in between")
def test_what_is_free_between_blocks_in_use_is_given_back() -> None:
    # Small enough that the C library maps none of them by itself.
    blocks = [np.ones(8_000) for _ in range(2_000)]
    full = Footprint.now().memory
    kept = blocks[::100]
    del blocks
    give_back()
    assert full - Footprint.now().memory > 64_000_000
    assert len(kept) == 20


_KEPT_BY_A_THREAD = """
    import sys
    from threading import Thread
    import numpy as np
    from exporter.memory import give_back, map_large_blocks
    from tests.reliability.footprint import Footprint

    def work():
        # To be mapped and unmapped raises the size from which on blocks are.
        for size in (1, 2, 4, 8, 16, 31):
            np.ones(size * 125_000)
        held = [np.ones(1_000_000) for _ in range(7)]
        del held
        give_back()
        print(Footprint.now().memory - before)

    if sys.argv[1:] == ["mapped"]:
        map_large_blocks()
    before = Footprint.now().memory
    thread = Thread(target=work)
    thread.start()
    thread.join()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone can be told to")
def test_large_blocks_of_a_thread_are_given_back() -> None:
    """It must be another process: what is allowed to this one cannot be taken back."""

    def kept(*options: str) -> int:
        command = [sys.executable, "-c", dedent(_KEPT_BY_A_THREAD), *options]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert kept("mapped") < 8_000_000 < kept()
