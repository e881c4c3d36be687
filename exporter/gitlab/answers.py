"""GitLab's JSON, read at the door: what is needed of each answer, and an error where it is missing.

Everything else in an answer is ignored, so that oddities of one GitLab version stop no poll.
"""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from exporter.dora.facts import MergeRequest
from exporter.dora.tiers import TIERS
from exporter.gitlab.errors import BadAnswerError
from exporter.instant import Instant, parse

_Model = TypeVar("_Model", bound=BaseModel)


def _instant(value: object) -> Instant:
    if not isinstance(value, str):
        raise ValueError("not a time")  # noqa: TRY004 - pydantic wants a ValueError
    return parse(value)


def _number_of_gid(value: object) -> object:
    """Turn a GraphQL global id such as ``gid://gitlab/Deployment/7`` into its number."""
    return value.rpartition("/")[2] if isinstance(value, str) else value


def _tier(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("not a tier")  # noqa: TRY004 - pydantic wants a ValueError
    tier = value.lower()
    return tier if tier in TIERS else None


When = Annotated[Instant, BeforeValidator(_instant)]
Gid = Annotated[int, BeforeValidator(_number_of_gid)]
Tier = Annotated[str | None, BeforeValidator(_tier)]


class _Job(BaseModel):
    finished_at: When | None = None


class EnvironmentName(BaseModel):
    """An environment as a deployment names it."""

    id: int
    name: str
    created_at: When | None = None


class DeploymentAnswer(BaseModel):
    """A deployment in REST, which tells neither its own finish nor its tier."""

    id: int
    iid: int = 0
    ref: str | None = None
    sha: str | None = None
    status: str
    created_at: When | None = None
    updated_at: When | None = None
    environment: EnvironmentName
    deployable: _Job | None = None

    def finish(self) -> tuple[Instant, str]:
        """Return the best guess at its finish, and where it was read.

        Raises:
            BadAnswerError: if the answer holds no time at all.
        """
        job = self.deployable.finished_at if self.deployable else None
        for moment, source in (
            (job, "job"),
            (self.updated_at, "updated_at"),
            (self.created_at, "created_at"),
        ):
            if moment is not None:
                return moment, source
        raise BadAnswerError(f"deployment {self.id} has no time")


class EnvironmentAnswer(BaseModel):
    """An environment, in REST, where older versions tell no tier, or in GraphQL."""

    id: Gid
    name: str
    tier: Tier = None


class EnvironmentNode(EnvironmentAnswer):
    """An environment in GraphQL, which gives each field that is asked for, be it empty."""

    tier: Tier


class _Author(BaseModel):
    username: str


class _MergeRequestAnswer(BaseModel):
    # None has a default: a merge request is read once, and what was not told stays unknown.
    iid: int
    merged_at: When | None
    target_branch: str
    author: _Author | None


class _Namespace(BaseModel):
    id: int
    full_path: str
    kind: str = "group"
    parent_id: int | None = None


class ProjectAnswer(BaseModel):
    """A project, in full or simple form."""

    id: int
    path_with_namespace: str
    namespace: _Namespace | None = None


class GroupAnswer(BaseModel):
    """A group."""

    id: int
    full_path: str


class FinishAnswer(BaseModel):
    """The exact finish of a deployment, from GraphQL."""

    id: Gid
    finished: When | None = Field(alias="finishedAt")


class _PageInfo(BaseModel):
    more: bool = Field(alias="hasNextPage")
    cursor: str | None = Field(None, alias="endCursor")


class _Connection(BaseModel):
    nodes: list[Any]
    page: _PageInfo = Field(alias="pageInfo")


def read(model: type[_Model], answer: object, what: str) -> _Model:
    """Read one object.

    Raises:
        BadAnswerError: naming the fields that are missing or of a wrong type.
    """
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        fields = {".".join(map(str, one["loc"])) or "all of it" for one in error.errors()}
        raise BadAnswerError(f"{what}: missing or wrong: {', '.join(sorted(fields))}") from None


def read_merge_request(answer: object) -> MergeRequest:
    """Read one merge request; one that was never merged has no ``merged_at``.

    REST tells milliseconds of ``merged_at``, GraphQL whole seconds.
    """
    seen = read(_MergeRequestAnswer, answer, "merge request")
    return MergeRequest(
        seen.iid,
        seen.merged_at,
        seen.target_branch,
        seen.author.username if seen.author else "",
    )


def read_connection(answer: object, what: str) -> tuple[list[Any], str | None]:
    """Read a GraphQL connection: its nodes, and the cursor of the next page or None."""
    seen = read(_Connection, answer, what)
    if seen.page.more and not seen.page.cursor:
        raise BadAnswerError(f"{what}: missing or wrong: pageInfo.endCursor")
    return [node for node in seen.nodes if node is not None], (
        seen.page.cursor if seen.page.more else None
    )
