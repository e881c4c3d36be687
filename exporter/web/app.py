"""All pages of the exporter."""

from collections.abc import Sequence

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from prometheus_client.exposition import gzip_accepted
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from exporter.api import DATA_SINCE, POLLED_AT, DoraApi
from exporter.api.openapi import openapi_document
from exporter.config import Settings
from exporter.metrics import Exposition
from exporter.web.landing import landing_page
from exporter.webhook import Receiver

_SCRAPES = 4
"""Scrapes rendered side by side, in threads of their own: no caller of the API holds one up."""


def create_app(
    settings: Settings, exposition: Exposition, api: DoraApi, receiver: Receiver | None = None
) -> Starlette:
    """Return the ASGI application; without a receiver of events there is no page for them."""
    scrapes = CapacityLimiter(_SCRAPES)

    async def landing(_: Request) -> Response:
        return HTMLResponse(landing_page(settings, exposition.snapshot))

    async def metrics(request: Request) -> Response:
        compressed = gzip_accepted(request.headers.get("accept-encoding", ""))
        body, content_type = await run_sync(
            lambda: exposition.render(
                accept=request.headers.get("accept", ""),
                gzip=compressed,
                names=request.query_params.getlist("name[]"),
            ),
            limiter=scrapes,
        )
        headers = {"content-type": content_type, "vary": "Accept, Accept-Encoding"}
        if compressed:
            headers["content-encoding"] = "gzip"
        return Response(body, headers=headers)

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("healthy\n")

    async def ready(_: Request) -> Response:
        if exposition.snapshot.polled_at is None:
            left = exposition.unread
            what = f", projects left to read: {left}" if left else ""
            return PlainTextResponse(f"not ready: the first poll is not complete{what}\n", 503)
        return PlainTextResponse("ready\n")

    document = openapi_document(settings)

    async def openapi(_: Request) -> Response:
        return JSONResponse(document)

    app = Starlette(
        routes=[
            Route("/", landing),
            Route("/openapi.json", openapi),
            Route("/metrics", metrics),
            Route("/-/healthy", healthy),
            Route("/-/ready", ready),
            *([receiver.route()] if receiver else []),
            *api.routes(),
        ],
        middleware=_middleware(settings),
        exception_handlers={HTTPException: _http_error},
    )
    # A redirect would repeat the whole query, and a token in it, to a host that the caller names.
    app.router.redirect_slashes = False
    return app


def _middleware(settings: Settings) -> Sequence[Middleware]:
    if not settings.api.cors_origins:
        return ()
    return (
        Middleware(
            CORSMiddleware,
            allow_origins=settings.api.cors_origins,
            allow_methods=["GET", "HEAD"],
            allow_headers=["Authorization", "PRIVATE-TOKEN"],
            expose_headers=["ETag", DATA_SINCE, POLLED_AT],
        ),
    )


async def _http_error(_: Request, error: Exception) -> Response:
    """Answer unknown paths and methods as GitLab's API does."""
    status, headers = 500, None
    if isinstance(error, HTTPException):
        status, headers = error.status_code, error.headers
    words = {404: "404 Not Found", 405: "405 Not Allowed"}.get(status, str(status))
    return JSONResponse({"error": words}, status, headers)
