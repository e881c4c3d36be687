"""The numbers as Prometheus metrics.

:mod:`exporter.metrics.catalogue` names every family, :mod:`exporter.metrics.snapshot` computes
their values from the store, :mod:`exporter.metrics.carried` after each poll only those that can
have changed, :mod:`exporter.metrics.collector` and :mod:`exporter.metrics.own` give them to
prometheus-client, :mod:`exporter.metrics.exposition` answers a scrape.
"""
