"""An answer, and what must hold of any."""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PATIENCE = 5.0
"""Seconds within which every request is answered."""


@dataclass(frozen=True)
class Answered:
    """An answer; header names are in lower case. ``seconds`` is how long it took."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    seconds: float

    @property
    def fields(self) -> Mapping[str, str]:
        """The headers, the last of a name."""
        return dict(self.headers)

    def text(self) -> str:
        """Return headers and body as they are read."""
        body = self.body
        if self.fields.get("content-encoding") == "gzip" and body:
            body = gzip.decompress(body)
        return repr(self.headers) + body.decode("utf-8", "replace")

    def flaw(self) -> str | None:
        """Return what is wrong with it whatever the request was, None if nothing is."""
        if not 200 <= self.status < 500:
            return f"status {self.status}"
        if self.seconds > PATIENCE:
            return f"{self.seconds:.1f} s"
        if "Traceback" in self.text():
            return "a traceback"
        if self.body and self.fields.get("content-type") == "application/json":
            body = self.text().removeprefix(repr(self.headers))
            try:
                json.loads(body)
            except ValueError:
                return "no JSON"
        return None


def is_scrape(answered: Answered) -> bool:
    """Tell whether it is the exposition, which everybody who connects may read."""
    kind = answered.fields.get("content-type", "")
    return kind.startswith(("text/plain; version=", "application/openmetrics-text"))
