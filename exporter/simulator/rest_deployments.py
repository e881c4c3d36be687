"""REST: deployments and merge requests."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from exporter.simulator.access import reads_merge_requests
from exporter.simulator.call import Answer, Call
from exporter.simulator.deployment_index import Order, Selection
from exporter.simulator.entities import deployment_entity, merge_request_entity
from exporter.simulator.errors import ApiError, missing_record, refusal
from exporter.simulator.lookup import reported_project, visible_project
from exporter.simulator.pagination import offset_headers, offset_page, requested_page
from exporter.simulator.records import FINISHED_STATUSES, STATUSES
from exporter.simulator.world import Deployment, MergeRequest, Project

_ORDERS: Final = ("id", "iid", "created_at", "updated_at", "ref")
_SORTS: Final = {"asc": False, "desc": True}

_BOTH_FILTERS: Final = "Both `updated_at` filter and `finished_at` filter can not be specified"
_UPDATED_UNSORTED: Final = "`updated_at` filter requires `updated_at` sort"
_FINISHED_UNSORTED: Final = "`finished_at` filter requires `finished_at` sort."
_FINISHED_UNFILTERED: Final = (
    "`finished_at` sort requires `finished_at` filter or a filter with at least one of the"
    " finished statuses."
)
_FINISHED_NOT_SUCCESS: Final = "`finished_at` filter must be combined with `success` status filter."


@dataclass(frozen=True)
class _Wanted:
    """The filters of a list of deployments, checked one by one but not yet together."""

    order: str
    descending: bool
    status: str | None
    environment: str | None
    updated: tuple[datetime | None, datetime | None]
    finished: tuple[datetime | None, datetime | None]

    def check(self) -> None:
        """Refuse combinations GitLab holds to be slow.

        Raises:
            ApiError: 400 with the finder's message.
        """
        by_updated, by_finished = any(self.updated), any(self.finished)
        sorted_by_finished = self.order == "finished_at"
        if by_updated and by_finished:
            message = _BOTH_FILTERS
        elif by_updated and self.order != "updated_at":
            message = _UPDATED_UNSORTED
        elif by_finished and not sorted_by_finished:
            message = _FINISHED_UNSORTED
        elif sorted_by_finished and not by_finished and self.status not in FINISHED_STATUSES:
            message = _FINISHED_UNFILTERED
        elif by_finished and self.status != "success":
            message = _FINISHED_NOT_SUCCESS
        else:
            return
        raise ApiError(400, {"message": message})


def deployments(call: Call) -> Answer:
    """Answer `GET /projects/:id/deployments`."""
    wanted = _wanted(call)
    page = requested_page(call)
    project = reported_project(call)
    wanted.check()
    world = call.world
    selection = _select(call, project, wanted)
    if wanted.order == "ref":
        found = [world.deployments[number] for number in selection.page(0, len(selection))]
        found.sort(key=lambda deployment: deployment.ref, reverse=wanted.descending)
        shown = found[page.offset : page.offset + page.size]
    else:
        numbers = selection.page(page.offset, page.size, descending=wanted.descending)
        shown = [world.deployments[number] for number in numbers]
    return Answer(
        [_show(call, deployment) for deployment in shown],
        offset_headers(call, page, len(selection)),
    )


def one_deployment(call: Call) -> Answer:
    """Answer `GET /projects/:id/deployments/:deployment_id`."""
    number = call.record_id("deployment_id")
    project = reported_project(call)
    deployment = call.world.deployments.get(number)
    if deployment is None or deployment.project is not project:
        raise missing_record()
    return Answer(_show(call, deployment) | {"pending_approval_count": 0, "approvals": []})


def deployment_merge_requests(call: Call) -> Answer:
    """Answer `GET .../deployments/:deployment_id/merge_requests`, empty for an unknown id."""
    number = call.record_id("deployment_id")
    reported_project(call)
    deployment = call.world.deployments.get(number)
    return _merge_request_page(
        call, call.world.linked_merge_requests(deployment) if deployment else []
    )


def merge_requests(call: Call) -> Answer:
    """Answer `GET /projects/:id/merge_requests`.

    `environment` with `deployed_after` and `deployed_before` (both exclusive) narrows it to what
    was deployed there.
    """
    project = visible_project(call)
    if not reads_merge_requests(call.world, call.caller, project):
        raise refusal(403)
    if call.text("environment") or call.text("deployed_after") or call.text("deployed_before"):
        return _merge_request_page(call, _deployed(call, project))
    return _merge_request_page(call, project.merge_requests.values())


def _wanted(call: Call) -> _Wanted:
    filtering = call.world.features.rest_finished_filters
    orders = (*_ORDERS, "finished_at") if filtering else _ORDERS
    finished = (call.moment("finished_after"), call.moment("finished_before"))
    return _Wanted(
        order=call.choice("order_by", orders, "id") or "id",
        descending=_SORTS[call.choice("sort", tuple(_SORTS), "asc") or "asc"],
        status=call.choice("status", STATUSES, None),
        environment=call.text("environment"),
        updated=(call.moment("updated_after"), call.moment("updated_before")),
        finished=finished if filtering else (None, None),
    )


def _select(call: Call, project: Project, wanted: _Wanted) -> Selection:
    environment_id = None
    if wanted.environment is not None:
        environment = call.world.find_environment(project, wanted.environment)
        if environment is None:
            return Selection([], 0, 0)
        environment_id = environment.id
    order: Order = "id"
    earliest = latest = None
    if wanted.order == "finished_at":
        order, (earliest, latest) = "finished_at", wanted.finished
    elif wanted.order == "updated_at":
        order, (earliest, latest) = "updated_at", wanted.updated
    return call.world.index(project).select(
        (environment_id, wanted.status),
        order,
        start=None if earliest is None else (earliest, 0),
        stop=None if latest is None else (latest, 0),
    )


def _show(call: Call, deployment: Deployment) -> dict[str, Any]:
    return deployment_entity(deployment, call.world.user_named("root"), call.base_url)


_MERGE_REQUEST_ORDERS: Final[dict[str, Callable[[MergeRequest], Any]]] = {
    "created_at": lambda row: (row.created_at, row.id),
    "updated_at": lambda row: (row.updated_at, row.id),
    "merged_at": lambda row: (row.merged_at is None, row.merged_at or row.created_at, row.id),
    "title": lambda row: (row.title, row.id),
}


def _merge_request_page(call: Call, candidates: Iterable[MergeRequest]) -> Answer:
    state = call.choice("state", ("opened", "closed", "locked", "merged", "all"), "all")
    order = call.choice("order_by", tuple(_MERGE_REQUEST_ORDERS), "created_at")
    descending = call.choice("sort", ("asc", "desc"), "desc") == "desc"
    branch = call.text("target_branch")
    updated_after, created_after = call.moment("updated_after"), call.moment("created_after")
    rows = [
        row
        for row in candidates
        if state in {"all", row.state}
        and (not branch or row.target_branch == branch)
        and (updated_after is None or row.updated_at >= updated_after)
        and (created_after is None or row.created_at >= created_after)
    ]
    rows.sort(key=_MERGE_REQUEST_ORDERS[order or "created_at"], reverse=descending)
    return offset_page(
        call,
        rows,
        lambda row: merge_request_entity(row, call.world.user_named(row.author), call.base_url),
    )


def _deployed(call: Call, project: Project) -> list[MergeRequest]:
    world, name = call.world, call.text("environment")
    after, before = call.moment("deployed_after"), call.moment("deployed_before")
    selection = world.index(project).select((None, "success"), "finished_at")
    found: dict[int, MergeRequest] = {}
    for number in selection.page(0, len(selection)):
        deployment = world.deployments[number]
        at = deployment.finished_at
        if at is None or (name and deployment.environment.name != name):
            continue
        if (after is None or at > after) and (before is None or at < before):
            found |= {row.id: row for row in world.linked_merge_requests(deployment)}
    return list(found.values())
