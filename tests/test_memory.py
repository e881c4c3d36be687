import gc
import sys

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
