"""Transport security the Prometheus way: the file of ``--web.config.file``.

Its format is that of Prometheus' exporter-toolkit, so ``promtool check web-config`` can judge it:
https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md

:mod:`exporter.webconfig.models` has the keys, :mod:`exporter.webconfig.load` reads them,
:mod:`exporter.webconfig.context` makes of them what TLS needs, and :mod:`exporter.webconfig.guard`
stands before the pages. :mod:`exporter.webconfig.web_config` puts these together.
"""

from exporter.webconfig.web_config import WebConfig

__all__ = ["WebConfig"]
