"""GitLab's ``/dora/metrics`` JSON API, answered from the history in memory.

:mod:`exporter.api.routes` has the paths, :mod:`exporter.api.access` asks GitLab about the caller,
:mod:`exporter.api.parameters` reads a request the way GitLab does, :mod:`exporter.api.answer`
computes the answer, :mod:`exporter.api.explain` tells what is behind it,
:mod:`exporter.api.reply` sends it, :mod:`exporter.api.errors` is what is said
when something is wrong.
"""

from exporter.api.access import Access, GitLabAccess, OpenAccess
from exporter.api.pages import HEADERS
from exporter.api.reply import DATA_SINCE, POLLED_AT
from exporter.api.routes import DoraApi

__all__ = ["DATA_SINCE", "HEADERS", "POLLED_AT", "Access", "DoraApi", "GitLabAccess", "OpenAccess"]
