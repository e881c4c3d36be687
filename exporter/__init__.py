"""DORA metrics from GitLab's deployments and merge requests, for Prometheus and for scripts."""

__version__ = "0.1.0"
