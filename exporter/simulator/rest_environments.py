"""REST: environments."""

from typing import Final

from exporter.simulator.call import Answer, Call
from exporter.simulator.entities import deployment_entity, environment_entity
from exporter.simulator.errors import ApiError, bad_parameter, missing_record, refusal
from exporter.simulator.lookup import reported_project
from exporter.simulator.pagination import offset_page
from exporter.simulator.world import Environment

_STATES: Final = ("available", "stopping", "stopped")
_SHORTEST_SEARCH: Final = 3


def environments(call: Call) -> Answer:
    """Answer `GET /projects/:id/environments`, filtered by `name`, `search` or `states`."""
    name, search, state = call.text("name"), call.text("search"), call.text("states")
    if name and search:
        raise bad_parameter("name, search are mutually exclusive")
    if state and state not in _STATES:
        raise ApiError(400, {"message": "Requested states are invalid"})
    project = reported_project(call)
    if search and len(search) < _SHORTEST_SEARCH:
        raise refusal(400, f"Search query is less than {_SHORTEST_SEARCH} characters")
    rows = [
        environment
        for environment in project.environments.values()
        if (not name or environment.name == name)
        and (not search or search.lower() in environment.name.lower())
        and (not state or environment.state == state)
    ]
    rows.sort(key=lambda environment: environment.id)
    with_tier = call.world.features.environment_tier
    return offset_page(call, rows, lambda row: environment_entity(row, with_tier=with_tier))


def one_environment(call: Call) -> Answer:
    """Answer `GET /projects/:id/environments/:environment_id`, last deployment included."""
    number = call.record_id("environment_id")
    environment = reported_project(call).environments.get(number)
    if environment is None:
        raise missing_record()
    shown = environment_entity(environment, with_tier=call.world.features.environment_tier)
    return Answer(shown | {"last_deployment": _last_deployment(call, environment)})


def _last_deployment(call: Call, environment: Environment) -> dict[str, object] | None:
    world = call.world
    selection = world.index(environment.project).select((environment.id, "success"))
    newest = selection.page(0, 1, descending=True)
    if not newest:
        return None
    return deployment_entity(world.deployments[newest[0]], world.user_named("root"), call.base_url)
