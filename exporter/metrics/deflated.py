"""Text that is kept compressed only, and served as gzip without compressing it again.

Deflate allows a stream to be cut: after a full flush nothing refers to what came before, and the
stream ends at a whole byte. So pieces compressed once, each ended by such a flush, can be put
behind one another with others in between, and the whole is one gzip stream of one member (RFC 1951
and RFC 1952) whose checksum and length were kept up to date along the way.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from struct import pack

LEVEL = 1
"""Of compression. Measured on 120,000 series: 6 makes it 15 % smaller and takes three times as
long, at each poll."""

_RAW = -zlib.MAX_WBITS
"""A deflate stream without a header of its own."""

_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
"""Of gzip: deflate, no name, no time, fast, any system."""

_LAST_BLOCK = b"\x03\x00"
"""Ends a deflate stream, holding nothing."""

_STORED = 4096
"""Bytes in a block that is not compressed."""

_PIECE = 1 << 20
"""Bytes of text that are unpacked at once at most."""


@dataclass(slots=True)
class Deflated:
    """A text in compressed parts; nobody appends to it once it is shown.

    ``crc`` is the checksum of the text, ``size`` its length in bytes.
    """

    parts: list[bytes] = field(default_factory=list)
    crc: int = 0
    size: int = 0

    def copy(self) -> "Deflated":
        """Return one to append to, which shares the parts."""
        return Deflated([*self.parts], self.crc, self.size)

    def gzip(self, last: bytes) -> bytes:
        """Return the text and some more behind it as a gzip stream.

        What is behind is stored as it is. To compress it, or to take the checksum of much at once,
        Python lets go of the interpreter, and among threads that compute it takes long to get back.
        """
        crc, blocks = self.crc, []
        for begin in range(0, len(last), _STORED):
            block = last[begin : begin + _STORED]
            crc = zlib.crc32(block, crc)
            blocks += [pack("<BHH", 0, len(block), len(block) ^ 0xFFFF), block]
        size = (self.size + len(last)) & 0xFFFFFFFF
        return b"".join((_HEADER, *self.parts, *blocks, _LAST_BLOCK, pack("<LL", crc, size)))

    def pieces(self, last: bytes) -> Iterator[bytes]:
        """Give the text itself, at most a megabyte at a time, and some more behind it."""
        stream = zlib.decompressobj(_RAW)
        for part in self.parts:
            rest = part
            while rest:
                if piece := stream.decompress(rest, _PIECE):
                    yield piece
                rest = stream.unconsumed_tail
        yield stream.flush() + last


def append(texts: Sequence[Deflated], pieces: Iterable[bytes]) -> None:
    """Put the same pieces behind several texts, which share what is compressed."""
    stream = zlib.compressobj(LEVEL, zlib.DEFLATED, _RAW)
    part = []
    for piece in pieces:
        part.append(stream.compress(piece))
        for text in texts:
            text.crc = zlib.crc32(piece, text.crc)
            text.size += len(piece)
    part.append(stream.flush(zlib.Z_FULL_FLUSH))
    joined = b"".join(part)
    for text in texts:
        text.parts.append(joined)
