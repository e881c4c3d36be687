"""Looking for secrets in what must not hold them, however they are written."""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus


def forms(secret: str) -> Iterator[bytes]:
    """Give the ways in which a secret may be written that a reader could take it back from."""
    plain = secret.encode()
    yield plain
    yield plain[::-1]
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    yield secret.encode("utf-16-le")
    for text in (
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
    ):
        yield text.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        # Whatever stands before it shifts the letters; those at both ends depend on neighbours.
        for shift in range(3):
            yield encode(b"\0" * shift + plain)[4 if shift else 0 : -4]


def leaks(secrets: Mapping[str, str], places: Mapping[str, bytes]) -> list[tuple[str, str, bytes]]:
    """Return which secret is where, by their names, and in which form."""
    return [
        (name, place, form)
        for place, content in places.items()
        for name, secret in secrets.items()
        for form in sorted(set(forms(secret)))
        if form in content
    ]


def joined(parts: Iterable[str]) -> bytes:
    """Return texts one after the other."""
    return "\n".join(parts).encode(errors="surrogateescape")
