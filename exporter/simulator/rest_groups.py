"""REST: groups and members."""

from collections.abc import Iterable

from exporter.simulator.access import group_level, project_level, sees_group
from exporter.simulator.call import Answer, Call
from exporter.simulator.entities import group_entity, user_basic
from exporter.simulator.errors import missing_record
from exporter.simulator.lookup import visible_group, visible_project
from exporter.simulator.pagination import offset_page
from exporter.simulator.world import Group


def groups(call: Call) -> Answer:
    """Answer `GET /groups`."""
    top_only = call.flag("top_level_only", default=False)
    return _page(call, (g for g in call.world.groups.values() if not (top_only and g.parent)))


def one_group(call: Call) -> Answer:
    """Answer `GET /groups/:id`."""
    group = visible_group(call)
    shares = [
        {"group_id": guest, "group_access_level": level, "expires_at": None}
        for guest, level in group.shares.items()
    ]
    return Answer(group_entity(group, call.base_url) | {"shared_with_groups": shares})


def subgroups(call: Call) -> Answer:
    """Answer `GET /groups/:id/subgroups`, one level down."""
    group = visible_group(call)
    return _page(call, (g for g in call.world.groups.values() if g.parent is group))


def descendant_groups(call: Call) -> Answer:
    """Answer `GET /groups/:id/descendant_groups`, all levels down."""
    group = visible_group(call)
    return _page(call, (g for g in call.world.groups.values() if group in g.lineage[1:]))


def project_member(call: Call) -> Answer:
    """Answer `GET /projects/:id/members/all/:user_id`."""
    project = visible_project(call)
    user = call.world.users.get(call.record_id("user_id"))
    return _member(call, project_level(call.world, project, user))


def group_member(call: Call) -> Answer:
    """Answer `GET /groups/:id/members/all/:user_id`."""
    group = visible_group(call)
    user = call.world.users.get(call.record_id("user_id"))
    return _member(call, group_level(call.world, group, user))


def _member(call: Call, level: int) -> Answer:
    if not level:
        raise missing_record()
    user = call.world.users[call.record_id("user_id")]
    return Answer(
        user_basic(user, call.base_url)
        | {"access_level": level, "expires_at": None, "membership_state": "active"}
    )


def _page(call: Call, candidates: Iterable[Group]) -> Answer:
    world, caller = call.world, call.caller
    descending = call.choice("sort", ("asc", "desc"), "asc") == "desc"
    order = call.choice("order_by", ("name", "path", "id", "similarity"), "name")
    search = (call.text("search") or "").lower()
    least = call.number("min_access_level") or 0
    rows = [
        group
        for group in candidates
        if search in group.path.lower()
        and sees_group(world, caller, group)
        and (not least or group_level(world, group, caller.user) >= least)
    ]
    rows.sort(
        key=lambda group: ("", group.id) if order == "id" else (group.name, group.id),
        reverse=descending,
    )
    return offset_page(call, rows, lambda group: group_entity(group, call.base_url))
