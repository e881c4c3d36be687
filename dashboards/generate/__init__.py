"""Writes the dashboards beside it: ``python -m dashboards.generate``.

The JSON keeps to what Grafana 7.5 writes and reads; newer versions bring it up to date as they
load it.
"""
