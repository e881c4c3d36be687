"""Reading an event: whether it tells of a success, and of which project.

The payload is that of GitLab's deployment events.
https://docs.gitlab.com/ee/user/project/integrations/webhook_events.html#deployment-events
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LARGEST_ID = 2**63 - 1
"""What a column of GitLab's database holds, and of ours."""

_LONGEST_NAME = 255
"""Characters that GitLab allows in the name of an environment."""


class MalformedError(Exception):
    """What was sent is no event of GitLab; the message says why, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class DeploymentEvent:
    """A deployment took effect.

    ``deployment_id`` is missing before GitLab 14.2, ``job_id`` where no job made the deployment.
    ``environment`` is the environment's name, None where it is no name.
    """

    project_id: int
    deployment_id: int | None
    job_id: int | None
    environment: str | None

    @property
    def identity(self) -> tuple[int, str, int] | None:
        """What two events about the same deployment share; None where nothing tells.

        The project is part of it, so that an event that lies silences no other project's.
        """
        if self.deployment_id is not None:
            return self.project_id, "deployment", self.deployment_id
        if self.job_id is not None:
            return self.project_id, "job", self.job_id
        return None


def read_event(body: bytes) -> DeploymentEvent | None:
    """Return the event, None if it tells of anything but a successful deployment.

    Raises:
        MalformedError: if it is no JSON object, or names no project.
    """
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedError("the body is not JSON") from None
    if not isinstance(payload, dict):
        raise MalformedError("the body is not a JSON object")
    if payload.get("object_kind") != "deployment" or payload.get("status") != "success":
        return None
    project = payload.get("project")
    project_id = _id(project, "id") if isinstance(project, dict) else None
    if project_id is None:
        raise MalformedError("project.id is missing")
    return DeploymentEvent(
        project_id, _id(payload, "deployment_id"), _id(payload, "deployable_id"), _name(payload)
    )


def _id(fields: Mapping[str, Any], key: str) -> int | None:
    value = fields.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LARGEST_ID:
        raise MalformedError(f"{key} is no id")
    return value


def _name(payload: Mapping[str, Any]) -> str | None:
    name = payload.get("environment")
    usable = isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and name.isprintable()
    return name if usable else None
