"""What a simulated GitLab tells of its world: the facts that any calculation starts from.

Times lose digits on the wire, as with the real GitLab, and so do these:

- GraphQL gives the finish of a deployment and ``merged_at`` cut to whole seconds;
- without GraphQL the finish is that of the job, in REST, cut to milliseconds, and for a
  deployment without a job it is ``updated_at``;
- REST gives ``merged_at`` cut to milliseconds.

After this cut both sides calculate with the very same times.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from exporter.simulator.records import Deployment, Environment, MergeRequest
from exporter.simulator.world import World


@dataclass(frozen=True)
class ToldMergeRequest:
    """A merge request as GitLab tells of it."""

    id: int
    merged_at: datetime | None
    target_branch: str
    author: str


@dataclass(frozen=True)
class ToldDeployment:
    """A successful deployment as GitLab tells of it."""

    id: int
    environment_id: int
    finished_at: datetime
    merge_requests: tuple[ToldMergeRequest, ...]


@dataclass(frozen=True)
class ToldEnvironment:
    """An environment; ``tier`` is None where GitLab is too old to tell it."""

    id: int
    project_id: int
    name: str
    tier: str | None


def told_environments(world: World) -> list[ToldEnvironment]:
    """Return every environment."""
    tells_tier = world.features.environment_tier
    return [
        ToldEnvironment(one.id, one.project.id, one.name, one.tier if tells_tier else None)
        for one in world.environments.values()
    ]


def told_deployments(world: World) -> list[ToldDeployment]:
    """Return every successful deployment."""
    exact = world.features.graphql and world.features.graphql_finished_at
    return [
        ToldDeployment(
            one.id,
            one.environment.id,
            _cut_to_second(_known(one.finished_at)) if exact else _estimated_finish(one),
            tuple(_told_merge_request(world, linked) for linked in one.merge_requests),
        )
        for one in world.deployments.values()
        if one.status == "success"
    ]


def environment_of(world: World, deployment: ToldDeployment) -> Environment:
    """Return where a deployment went."""
    return world.environments[deployment.environment_id]


def _told_merge_request(world: World, one: MergeRequest) -> ToldMergeRequest:
    cut = _cut_to_second if world.features.graphql else _cut_to_millisecond
    merged_at = None if one.merged_at is None else cut(one.merged_at)
    return ToldMergeRequest(one.id, merged_at, one.target_branch, one.author)


def _estimated_finish(one: Deployment) -> datetime:
    if not one.deployable:
        return _cut_to_millisecond(one.updated_at)
    # The simulated job ends a few milliseconds before its deployment, never before it began.
    finished_at = _known(one.finished_at)
    job_end = finished_at - timedelta(milliseconds=3 + one.id % 60)
    return _cut_to_millisecond(max(job_end, min(one.created_at, finished_at)))


def _known(moment: datetime | None) -> datetime:
    assert moment is not None, "a success has a finish"
    return moment


def _cut_to_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _cut_to_millisecond(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
