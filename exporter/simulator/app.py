"""The simulated GitLab as an ASGI application."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from exporter.simulator.control import control_routes
from exporter.simulator.faults import FaultBook
from exporter.simulator.front import Front, RequestRecord
from exporter.simulator.graphql_endpoint import graphql_route
from exporter.simulator.rest import rest_routes
from exporter.simulator.world import World


def create_app(
    world: World,
    *,
    faults: FaultBook | None = None,
    requests: list[RequestRecord] | None = None,
) -> Front:
    """Put the application together.

    Args:
        world: What the instance holds.
        faults: What goes wrong; nothing when None.
        requests: Where requests are noted.
    """
    faults = FaultBook() if faults is None else faults
    requests = [] if requests is None else requests
    routes = [*rest_routes(world), graphql_route(world)]
    api = Starlette(
        routes=[*routes, *control_routes(faults, requests)],
        exception_handlers={404: _not_found, 405: _not_found},
    )
    api.router.redirect_slashes = False
    return Front(api, world=world, faults=faults, requests=requests, routes=routes)


def _not_found(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"error": "404 Not Found"}, 404)
