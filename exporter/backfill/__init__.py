"""The stored history as OpenMetrics text with timestamps, to be loaded into Prometheus.

:mod:`exporter.backfill.instants` says for which moments, :mod:`exporter.backfill.columns` computes
the values, :mod:`exporter.backfill.openmetrics` writes them, :mod:`exporter.backfill.target` makes
sure that nothing is left half-written, and :mod:`exporter.backfill.backfill` puts it together.
"""

from exporter.backfill.backfill import BackfillError, backfill
from exporter.backfill.labels import extra_label

__all__ = ["BackfillError", "backfill", "extra_label"]
