import gc

import pytest

from exporter.garbage import uncollected


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
