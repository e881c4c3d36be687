"""GraphQL: `POST /api/graphql`, one query or an array of them."""

import json
from functools import lru_cache
from typing import Any, Final

from graphql import DocumentNode, GraphQLError, GraphQLSchema, execute_sync, parse, validate
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator.access import Caller, identify, token_value
from exporter.simulator.errors import ApiError
from exporter.simulator.graphql_complexity import query_complexity
from exporter.simulator.graphql_request import QueryContext
from exporter.simulator.graphql_schema import make_schema
from exporter.simulator.rest import base_url
from exporter.simulator.world import World

PATH: Final = "/api/graphql"
LONGEST_TEXT: Final = 10_000
ANONYMOUS_COMPLEXITY: Final = 200


def graphql_route(world: World) -> Route:
    """Make the route of the GraphQL API."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_answer, world, request, body)

    return Route(PATH, endpoint, methods=["POST"], name=PATH)


def _answer(world: World, request: Request, body: bytes) -> Response:
    if not world.features.graphql:
        return JSONResponse({"error": "404 Not Found"}, 404)
    try:
        with world.lock:
            caller = _caller(world, token_value(request.headers, request.query_params))
            return JSONResponse(_run_all(world, caller, base_url(request), body))
    except ApiError as error:
        return JSONResponse(error.body, error.status, error.headers)


def _failure(status: int, message: str) -> ApiError:
    return ApiError(status, {"errors": [{"message": message}]})


def _caller(world: World, token: str | None) -> Caller:
    if token is None:
        return Caller(None, None)
    try:
        return identify(world, token)
    except ApiError as error:
        if error.status == 403 and "message" in error.body:
            raise _failure(403, "API not accessible for user") from None
        raise _failure(401, "Invalid token") from None


def _run_all(world: World, caller: Caller, url: str, body: bytes) -> object:
    try:
        posted = json.loads(body)
    except ValueError:
        raise _failure(400, "Unexpected end of document") from None
    entries = posted if isinstance(posted, list) else [posted]
    if not all(isinstance(entry, dict) for entry in entries):
        raise _failure(422, "Unexpected query")
    if sum(len(entry.get("query") or "") for entry in entries) > LONGEST_TEXT:
        raise _failure(422, "Query too large")
    features = world.features
    schema = make_schema(
        finished_at=features.graphql_finished_at,
        deployment_merge_requests=features.graphql_deployment_merge_requests,
    )
    clock = _Clock(features.graphql_points_in_time)
    results = [_run(world, schema, caller, url, entry, clock) for entry in entries]
    if clock.late and features.graphql_late_status != 200:
        raise _failure(
            features.graphql_late_status,
            "Request timed out. Please try a less complex query or a smaller set of records.",
        )
    return results if isinstance(posted, list) else results[0]


class _Clock:
    """What the queries of one request have spent; complexity stands for time."""

    def __init__(self, points: int | None) -> None:
        self._left = points
        self.late = False

    def spend(self, score: int) -> bool:
        """Return whether there was time for this too."""
        if self._left is not None:
            self._left -= score
            self.late = self.late or self._left < 0
        return not self.late


@lru_cache(maxsize=256)
def _read(schema: GraphQLSchema, text: str) -> tuple[DocumentNode | None, list[GraphQLError]]:
    """Return the document of a query, and what is wrong with it; callers ask the same for ever."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return None, [error]
    return document, validate(schema, document)


def _run(  # noqa: PLR0917 - one query and all around it
    world: World,
    schema: GraphQLSchema,
    caller: Caller,
    url: str,
    entry: dict[str, Any],
    clock: _Clock,
) -> dict[str, Any]:
    text, variables = entry.get("query"), entry.get("variables") or {}
    if not text:
        return {"errors": [{"message": "No query string was present"}]}
    document, errors = _read(schema, text)
    if document is None or errors:
        return {"errors": [error.formatted for error in errors]}
    operation = entry.get("operationName")
    limit = world.features.max_graphql_complexity if caller.user else ANONYMOUS_COMPLEXITY
    score = query_complexity(schema, document, variables, operation)
    if score > limit:
        message = f"Query has complexity of {score}, which exceeds max complexity of {limit}"
        return {"errors": [{"message": message}]}
    if not clock.spend(score):
        return {"errors": [{"message": "Timeout on Query.project"}], "data": {"project": None}}
    result = execute_sync(
        schema,
        document,
        context_value=QueryContext(world, caller, url, score, limit),
        variable_values=variables,
        operation_name=operation,
    )
    return dict(result.formatted)
