"""Everything that plain scrapes are answered with, as it is handed to who answers them."""

from collections.abc import Mapping
from dataclasses import dataclass

from exporter.metrics.deflated import Deflated


@dataclass(frozen=True, slots=True)
class Rendered:
    """What ``/metrics`` shows at one moment, by the name of the format.

    ``texts`` hold the numbers, and ``live`` what changes all the time and stands behind them.
    """

    texts: Mapping[str, Deflated]
    live: Mapping[str, bytes]
