"""GitLab's JSON, read at the door: what is needed of each answer, and an error where it is missing.

Everything else in an answer is ignored, so that oddities of one GitLab version stop no poll.
"""

import re
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from exporter.dora.facts import MergeRequest
from exporter.dora.tiers import TIERS
from exporter.gitlab.errors import BadAnswerError
from exporter.instant import Instant, parse

_Model = TypeVar("_Model", bound=BaseModel)

LARGEST = 2**63 - 1
"""What a column of GitLab's database holds, and of ours."""

_LONGEST = 8192
"""Characters of a text. GitLab's longest are full paths: 20 nested groups of 255 each."""

_EARLIEST, _LATEST = parse("1900-01-01T00:00:00Z"), parse("9000-01-01T00:00:00Z")
"""Times outside would leave what dates can tell, in one time zone or another."""

_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""What PostgreSQL or UTF-8 cannot hold: JSON can write it, but no name in GitLab has it."""


def _text(value: object) -> object:
    """Let the rest of a text be shown that holds what no database takes."""
    return _NO_TEXT.sub("\ufffd", value) if isinstance(value, str) else value


def _whole(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - pydantic wants a ValueError
    return value


def _instant(value: object) -> Instant:
    if not isinstance(value, str):
        raise ValueError("not a time")  # noqa: TRY004 - pydantic wants a ValueError
    instant = parse(value)
    if not _EARLIEST <= instant <= _LATEST:
        raise ValueError("no time of a deployment")
    return instant


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


Id = Annotated[int, Field(gt=0, le=LARGEST), BeforeValidator(_whole)]
Iid = Annotated[int, Field(ge=0, le=LARGEST), BeforeValidator(_whole)]
Text = Annotated[str, Field(max_length=_LONGEST), BeforeValidator(_text)]
When = Annotated[Instant, BeforeValidator(_instant)]
Gid = Annotated[Id, BeforeValidator(_number_of_gid)]
Tier = Annotated[str | None, BeforeValidator(_tier)]


class _Job(BaseModel):
    finished_at: When | None = None


class EnvironmentName(BaseModel):
    """An environment as a deployment names it."""

    id: Id
    name: Text
    created_at: When | None = None


class DeploymentAnswer(BaseModel):
    """A deployment in REST, which tells neither its own finish nor its tier."""

    id: Id
    iid: Iid = 0
    ref: Text | None = None
    sha: Text | None = None
    status: Text
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
    name: Text
    tier: Tier = None


class EnvironmentNode(EnvironmentAnswer):
    """An environment in GraphQL, which gives each field that is asked for, be it empty."""

    tier: Tier


class _Author(BaseModel):
    username: Text


class _MergeRequestAnswer(BaseModel):
    # None has a default: a merge request is read once, and what was not told stays unknown.
    iid: Iid
    merged_at: When | None
    target_branch: Text
    author: _Author | None


class _Namespace(BaseModel):
    id: Id
    full_path: Text
    kind: Text = "group"
    parent_id: Id | None = None


class ProjectAnswer(BaseModel):
    """A project, in full or simple form."""

    id: Id
    path_with_namespace: Text
    namespace: _Namespace | None = None


class GroupAnswer(BaseModel):
    """A group."""

    id: Id
    full_path: Text


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
