"""The web surface: landing page, scrape, health, and the JSON API, on Starlette and uvicorn.

:mod:`exporter.web.app` puts the pages together, :mod:`exporter.web.server` listens.
"""

from exporter.web.app import create_app
from exporter.web.server import ListenAddress, ListenError, listen, serve

__all__ = ["ListenAddress", "ListenError", "create_app", "listen", "serve"]
