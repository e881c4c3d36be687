"""The web surface: landing page, scrape, health, and the JSON API, on Starlette and uvicorn.

:mod:`exporter.web.app` puts the pages together, :mod:`exporter.web.server` listens.
"""
