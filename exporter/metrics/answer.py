"""What a scraper is answered, from text that was rendered before."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.metrics.deflated import Deflated

SMALL = 1 << 18
"""Bytes of text that are unpacked in well under a millisecond."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a scraper gets: ``size`` bytes, whole or in pieces that are made when asked for."""

    content_type: str
    size: int
    body: bytes | Iterator[bytes]

    def whole(self) -> bytes:
        """Return all bytes."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body)


def whole(content_type: str, body: bytes) -> Answer:
    """Return an answer that is there already."""
    return Answer(content_type, len(body), body)


def answer_with(content_type: str, text: Deflated, live: bytes, *, gzip: bool) -> Answer:
    """Return a text with what is only known now behind it, compressed or not."""
    if gzip:
        return whole(content_type, text.gzip(live))
    pieces = text.pieces(live)
    if text.size < SMALL:
        return whole(content_type, b"".join(pieces))
    return Answer(content_type, text.size + len(live), pieces)
