"""What the exporter tells the front, over a pair of sockets that only the two have."""

from dataclasses import dataclass

KEY_HEADER = "x-exporter-front"
"""The header by which the exporter's pages know a request as the front's."""

LOOPBACK = "127.0.0.1"
"""Where the exporter's pages are for the front."""

IDLE_SECONDS = 30
"""How long connections between the two stay open without a request."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Serve from now on. ``port`` is where the exporter's pages are, ``key`` opens them."""

    port: int
    key: str


@dataclass(frozen=True, slots=True)
class Taken:
    """The front's answer: what was handed over is shown."""
