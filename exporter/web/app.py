"""All pages of the exporter."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from anyio import CapacityLimiter, create_task_group, sleep
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
)
from starlette.routing import Route

from exporter.api import DATA_SINCE, HEADERS, POLLED_AT, DoraApi
from exporter.api.openapi import openapi_document
from exporter.config import Settings
from exporter.metrics.exposition import Exposition
from exporter.metrics.process import RENEWED_SECONDS, RecentProcess
from exporter.web.landing import landing_page
from exporter.web.scraping import SIDE_BY_SIDE, Asked, respond
from exporter.webhook import Receiver

# Not why it failed: that may name projects, and whoever connects may read this.
_LOOK = ", and the last try failed: the log and `gitlab-dora-exporter doctor` say why"


def create_app(
    settings: Settings, exposition: Exposition, api: DoraApi, receiver: Receiver | None = None
) -> Starlette:
    """Return the ASGI application; without a receiver of events there is no page for them."""
    scrapes = CapacityLimiter(SIDE_BY_SIDE)

    async def landing(_: Request) -> Response:
        return HTMLResponse(landing_page(settings, exposition.snapshot))

    async def metrics(request: Request) -> Response:
        asked = Asked.by(request)
        scrape = exposition.scrape(accept=asked.accept, gzip=asked.gzip, names=asked.names)
        # Threads that poll would hold up the way to another thread and back.
        answer = (
            scrape.answer() if scrape.is_at_hand else await run_sync(scrape.answer, limiter=scrapes)
        )
        return respond(request, answer, scrapes, gzip=asked.gzip)

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("healthy\n")

    async def ready(_: Request) -> Response:
        if exposition.snapshot.polled_at is None:
            left = exposition.unread
            what = f", projects left to read: {left}" if left else ""
            if exposition.failed and not left:
                what = _LOOK
            return PlainTextResponse(f"not ready: the first poll is not complete{what}\n", 503)
        return PlainTextResponse("ready\n")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with create_task_group() as tasks:
            tasks.start_soon(_renew, exposition.process, scrapes)
            yield
            tasks.cancel_scope.cancel()

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
        lifespan=lifespan,
    )
    # A redirect would repeat the whole query, and a token in it, to a host that the caller names.
    app.router.redirect_slashes = False
    return app


async def _renew(process: RecentProcess, scrapes: CapacityLimiter) -> None:
    """Look at the process again and again, so that no scrape has to."""
    while True:
        await run_sync(process.renew, limiter=scrapes)
        await sleep(RENEWED_SECONDS)


def _middleware(settings: Settings) -> Sequence[Middleware]:
    if not settings.api.cors_origins:
        return ()
    return (
        Middleware(
            CORSMiddleware,
            allow_origins=settings.api.cors_origins,
            allow_methods=["GET", "HEAD"],
            allow_headers=["Authorization", "PRIVATE-TOKEN"],
            expose_headers=["ETag", DATA_SINCE, POLLED_AT, "Link", *HEADERS],
        ),
    )


async def _http_error(_: Request, error: Exception) -> Response:
    """Answer unknown paths and methods as GitLab's API does."""
    status, headers = 500, None
    if isinstance(error, HTTPException):
        status, headers = error.status_code, error.headers
    words = {404: "404 Not Found", 405: "405 Not Allowed"}.get(status, str(status))
    return JSONResponse({"error": words}, status, headers)
