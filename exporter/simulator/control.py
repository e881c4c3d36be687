"""Steering a simulator that runs as a process of its own.

`GET /-/sim/requests` lists the requests so far and `DELETE` forgets them; `POST /-/sim/faults`
takes a fault's fields as JSON (see `Fault`) and `DELETE` takes all faults back. Nobody is asked
for a token: the program listens on loopback only.
"""

from collections.abc import Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.faults import Fault, FaultBook
from exporter.simulator.front import CONTROL_PREFIX, RequestRecord


def control_routes(faults: FaultBook, requests: list[RequestRecord]) -> list[Route]:
    """Make the routes below `/-/sim/`."""

    def show_requests(_request: Request) -> Response:
        shown = []
        for record in list(requests):
            times = {"at": record.at.isoformat(), "came": record.came.isoformat()}
            told = asdict(record) | times
            del told["token"]
            shown.append(told)
        return JSONResponse(shown)

    def forget_requests(_request: Request) -> Response:
        requests.clear()
        return Response(status_code=204)

    async def add_fault(request: Request) -> Response:
        try:
            fault = Fault(**await request.json())
        except (TypeError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(asdict(faults.add(fault)), 201)

    def clear_faults(_request: Request) -> Response:
        faults.clear()
        return Response(status_code=204)

    def route(path: str, method: str, endpoint: Callable[..., object]) -> Route:
        return Route(CONTROL_PREFIX + path, endpoint, methods=[method])

    return [
        route("requests", "GET", show_requests),
        route("requests", "DELETE", forget_requests),
        route("faults", "POST", add_fault),
        route("faults", "DELETE", clear_faults),
    ]
