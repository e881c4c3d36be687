"""The formats of an exposition that are kept ready, and which of them a scraper means."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from prometheus_client.exposition import choose_encoder
from prometheus_client.exposition import generate_latest as text
from prometheus_client.openmetrics.exposition import ALLOWUTF8, UNDERSCORES
from prometheus_client.openmetrics.exposition import generate_latest as open_metrics
from prometheus_client.registry import Collector

Encode = Callable[[Collector], bytes]

END = b"# EOF\n"
"""What OpenMetrics ends with."""

_PLAIN_NAMES = {"escaping": (UNDERSCORES, ALLOWUTF8), "version": ("1.0.0",)}
"""Parameters of prometheus-client's encoders with which our names are written as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """A format, and prometheus-client's function that writes it."""

    name: str
    encode: Encode


TEXT = Format("text", text)
OPEN_METRICS = Format("open_metrics", open_metrics)
FORMATS = (TEXT, OPEN_METRICS)

_WRITERS = {one.encode: one for one in FORMATS}


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a scraper is answered in: the encoder, its content type, and which format that is.

    ``format`` is None for what is not kept ready, such as names with dots escaped.
    """

    encode: Encode
    content_type: str
    format: Format | None


def chosen_by(accept: str) -> Chosen:
    """Choose a format by an ``Accept`` header, as prometheus-client does."""
    encode, content_type = choose_encoder(accept)
    return Chosen(encode, content_type, _format_of(encode))


def _format_of(encode: Encode) -> Format | None:
    if not isinstance(encode, partial):
        return _WRITERS.get(encode)
    if encode.args or any(
        value not in _PLAIN_NAMES.get(name, ()) for name, value in encode.keywords.items()
    ):
        return None
    return _WRITERS.get(encode.func)
