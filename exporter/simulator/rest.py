"""REST: which path is answered by what."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.simulator import (
    rest_deployments,
    rest_dora,
    rest_environments,
    rest_groups,
    rest_instance,
    rest_projects,
    rest_repository,
)
from exporter.simulator.access import identify, token_value
from exporter.simulator.call import Call, Handler
from exporter.simulator.errors import ApiError
from exporter.simulator.world import World

PREFIX: Final = "/api/v4"

# Answered whatever the token's scope.
_ANY_SCOPE: Final = frozenset({"/personal_access_tokens/self"})

HANDLERS: Final[dict[str, Handler]] = {
    "/version": rest_instance.version,
    "/metadata": rest_instance.metadata,
    "/user": rest_instance.current_user,
    "/personal_access_tokens/self": rest_instance.current_token,
    "/projects": rest_projects.projects,
    "/projects/:id": rest_projects.one_project,
    "/projects/:id/environments": rest_environments.environments,
    "/projects/:id/environments/:environment_id": rest_environments.one_environment,
    "/projects/:id/deployments": rest_deployments.deployments,
    "/projects/:id/deployments/:deployment_id": rest_deployments.one_deployment,
    "/projects/:id/deployments/:deployment_id/merge_requests": (
        rest_deployments.deployment_merge_requests
    ),
    "/projects/:id/merge_requests": rest_deployments.merge_requests,
    "/projects/:id/dora/metrics": rest_dora.project_metrics,
    "/projects/:id/repository/compare": rest_repository.compare,
    "/projects/:id/members/all/:user_id": rest_groups.project_member,
    "/groups": rest_groups.groups,
    "/groups/:id": rest_groups.one_group,
    "/groups/:id/projects": rest_projects.group_projects,
    "/groups/:id/subgroups": rest_groups.subgroups,
    "/groups/:id/descendant_groups": rest_groups.descendant_groups,
    "/groups/:id/dora/metrics": rest_dora.group_metrics,
    "/groups/:id/members/all/:user_id": rest_groups.group_member,
}


def rest_routes(world: World) -> list[Route]:
    """Make the routes of the REST API; each is named by its template."""
    return [
        Route(
            PREFIX + _pattern(template),
            _endpoint(world, handler, reading=template not in _ANY_SCOPE),
            methods=["GET"],
            name=template,
        )
        for template, handler in HANDLERS.items()
    ]


def base_url(request: Request) -> str:
    """Give the scheme and host the caller used."""
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


def _pattern(template: str) -> str:
    return "/".join(
        f"{{{part[1:]}}}" if part.startswith(":") else part for part in template.split("/")
    )


def _endpoint(world: World, handler: Handler, *, reading: bool) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        try:
            with world.lock:
                value = token_value(request.headers, request.query_params)
                answer = handler(
                    Call(
                        world=world,
                        caller=identify(world, value, reading=reading),
                        base_url=base_url(request),
                        path=request.scope["path"],
                        route=_decoded(request.path_params),
                        query=request.query_params,
                    )
                )
        except ApiError as error:
            return JSONResponse(error.body, error.status, error.headers)
        return JSONResponse(answer.body, headers=answer.headers)

    return endpoint


def _decoded(parameters: dict[str, Any]) -> dict[str, str]:
    # The path reaches the router still encoded, so that %2F does not part it.
    return {name: unquote(value) for name, value in parameters.items()}
