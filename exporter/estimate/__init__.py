"""What a configuration will cost: requests, time, series and memory, before anything is polled.

:mod:`exporter.estimate.estate` looks at a part of the estate in a handful of requests and makes a
model of the whole. :mod:`exporter.estimate.first_poll` and :mod:`exporter.estimate.hours` count
what a poller would ask of it, by the poller's own rules; :mod:`exporter.estimate.series` and
:mod:`exporter.estimate.memory` what would be shown and kept. :mod:`exporter.estimate.estimate` puts
it together, :mod:`exporter.estimate.report` says it.
"""

from exporter.estimate.estimate import Estimate, estimate
from exporter.estimate.report import as_json, as_text

__all__ = ["Estimate", "as_json", "as_text", "estimate"]
