"""Compressed pieces put together are what compressing them together would be."""

from gzip import decompress
from random import Random

import pytest

from exporter.metrics.deflated import Deflated, append

PIECES = [b"", b"one piece\n", b"x" * 100_000, bytes(range(256)) * 50]


def whole(text: Deflated, last: bytes = b"") -> bytes:
    """Return the text by both ways, which must agree."""
    unpacked = b"".join(text.pieces(last))
    assert decompress(text.gzip(last)) == unpacked
    return unpacked


def test_nothing_is_a_text_too() -> None:
    assert whole(Deflated()) == b""
    assert whole(Deflated(), b"alone") == b"alone"


def test_pieces_stand_one_behind_the_other() -> None:
    text = Deflated()
    for piece in PIECES:
        append([text], [piece])
    assert whole(text) == b"".join(PIECES)
    assert text.size == len(b"".join(PIECES))


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, 4097, 70_000])
def test_what_comes_last_may_have_any_length(rng: Random, length: int) -> None:
    text, last = Deflated(), rng.randbytes(length)
    append([text], [b"before "])
    assert whole(text, last) == b"before " + last


def test_texts_share_pieces_and_differ_in_others() -> None:
    one, other = Deflated(), Deflated()
    append([one], [b"one: "])
    append([other], [b"other: "])
    append([one, other], [b"the ", b"same"])
    assert (whole(one), whole(other)) == (b"one: the same", b"other: the same")


def test_a_copy_does_not_change_what_it_was_made_of() -> None:
    text = Deflated()
    append([text], [b"old"])
    copy = text.copy()
    append([copy], [b" and new"])
    assert (whole(text), whole(copy)) == (b"old", b"old and new")


def test_a_long_text_is_unpacked_piece_by_piece() -> None:
    text = Deflated()
    append([text], [b"0123456789" * 500_000])
    sizes = [len(one) for one in text.pieces(b"")]
    assert sum(sizes) == text.size
    assert max(sizes) <= 1 << 20
