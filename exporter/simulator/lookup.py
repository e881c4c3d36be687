"""Finding what a path names, as far as the caller may know of it."""

from exporter.simulator.access import reads_deployments, sees_group, sees_project
from exporter.simulator.call import Call
from exporter.simulator.errors import ApiError, refusal
from exporter.simulator.world import Group, Project


def visible_project(call: Call) -> Project:
    """Find the project of `/projects/:id`.

    Raises:
        ApiError: 404 when there is none the caller may know of; 301 to the same path with the
            id when the project has moved away from the path.
    """
    world, reference = call.world, call.route["id"]
    project = world.find_project(reference)
    if project is not None and sees_project(world, call.caller, project):
        return project
    moved = None if project else world.find_moved_project(reference)
    if moved is not None and sees_project(world, call.caller, moved):
        target = call.url_with_id(moved.id)
        raise ApiError(
            301,
            {"message": f"This resource has been moved permanently to {target}"},
            {"Location": target},
        )
    raise refusal(404, "Project")


def reported_project(call: Call) -> Project:
    """Find the project of `/projects/:id` for a caller who needs Reporter.

    Raises:
        ApiError: As `visible_project`; 403 below Reporter, and where environments are off.
    """
    project = visible_project(call)
    if not reads_deployments(call.world, call.caller, project):
        raise refusal(403)
    return project


def visible_group(call: Call) -> Group:
    """Find the group of `/groups/:id`.

    Raises:
        ApiError: 404 when there is none the caller may know of.
    """
    group = call.world.find_group(call.route["id"])
    if group is None or not sees_group(call.world, call.caller, group):
        raise refusal(404, "Group")
    return group
