"""Asking GitLab about a caller of ours, with the caller's own token and never with the exporter's.

What GitLab answers to that token is all that counts: who the token belongs to, whether it may see
a project or group, and with which role. Roles are given directly, inherited from groups above, or
come through invited groups; only the members API tells all of them.
https://docs.gitlab.com/ee/api/members.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import requests
from pydantic import BaseModel, ConfigDict

from exporter.gitlab.answers import read
from exporter.gitlab.budget import Budget
from exporter.gitlab.errors import GitLabError, UnavailableError
from exporter.gitlab.transport import Observer, PacedAdapter, session_over

REPORTER = 20
"""The lowest role that may read deployments and DORA metrics."""

Kind = Literal["project", "group"]


@dataclass(frozen=True, slots=True)
class Credential:
    """A token as a caller sent it. ``bearer`` says that it came as ``Authorization: Bearer``."""

    token: str
    bearer: bool = False

    def __repr__(self) -> str:
        return "Credential(...)"

    def headers(self) -> dict[str, str]:
        """Return the header that carries it to GitLab in the same way."""
        if self.bearer:
            return {"Authorization": f"Bearer {self.token}"}
        return {"PRIVATE-TOKEN": self.token}


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a token belongs to."""

    user_id: int
    admin: bool


class CallerRefusedError(GitLabError):
    """GitLab refused the caller, with this status and what it said."""

    kind = "caller_refused"

    def __init__(self, status: int, answer: Mapping[str, str]) -> None:
        super().__init__(f"GitLab refused the caller with {status}")
        self.status = status
        self.answer = answer


class _Strict(BaseModel):
    """What decides on access is taken as GitLab writes it, or not at all."""

    model_config = ConfigDict(strict=True)


class _User(_Strict):
    id: int
    is_admin: bool = False


class _Access(_Strict):
    access_level: int = 0


class _Permissions(_Strict):
    project_access: _Access | None = None
    group_access: _Access | None = None


class _Container(_Strict):
    id: int
    permissions: _Permissions | None = None


class _Member(_Strict):
    id: int
    access_level: int = 0
    membership_state: str = "active"


class _CallerAdapter(PacedAdapter):
    """Keeps the pace, and lets nobody wait because another caller spent GitLab's limit."""

    def learn(self, response: requests.Response) -> None:
        """Pass over what GitLab tells of limits: they are the caller's own."""


class Callers:
    """Asks one GitLab about callers; safe to use from several threads."""

    def __init__(
        self,
        url: str,
        *,
        budget: Budget,
        observer: Observer,
        ssl_verify: bool | str,
        timeout: float,
        connections: int = 8,
    ) -> None:
        self._url = url
        self._api = f"{url.rstrip('/')}/api/v4"
        self._verify = ssl_verify
        self._timeout = timeout
        self._adapter = _CallerAdapter(budget, observer, connections)

    def identify(self, credential: Credential) -> Identity:
        """Return whom a token belongs to.

        Raises:
            CallerRefusedError: if GitLab does not accept the token.
            GitLabError: if GitLab cannot be asked.
        """
        user = read(_User, self._get(credential, "/user"), "user")
        return Identity(user.id, user.is_admin)

    def role(
        self, credential: Credential, identity: Identity, kind: Kind, container_id: int
    ) -> int | None:
        """Return the caller's role in a project or group, None where it cannot see it.

        Returns:
            GitLab's access level, 0 for somebody who may see it without any role, 50 for an
            administrator.

        Raises:
            CallerRefusedError: if GitLab does not accept the token.
            GitLabError: if GitLab cannot be asked.
        """
        path = f"/{kind}s/{container_id}"
        answer = self._get(credential, path, absent_is_none=True)
        if answer is None:
            return None
        container = read(_Container, answer, kind)
        if container.id != container_id:
            return None
        if identity.admin:
            return 50
        permissions = container.permissions or _Permissions()
        told = (permissions.project_access, permissions.group_access)
        level = max(one.access_level if one else 0 for one in told)
        if level >= REPORTER:
            return level
        # What the container tells of roles lacks those through invited groups.
        return max(level, self._member_level(credential, identity, path))

    def _member_level(self, credential: Credential, identity: Identity, path: str) -> int:
        answer = self._get(
            credential, f"{path}/members/all/{identity.user_id}", absent_is_none=True
        )
        if answer is None:
            return 0
        member = read(_Member, answer, "member")
        is_caller = member.id == identity.user_id and member.membership_state == "active"
        return member.access_level if is_caller else 0

    def close(self) -> None:
        """Close the connections."""
        self._adapter.close()

    def _get(self, credential: Credential, path: str, *, absent_is_none: bool = False) -> Any:
        session = session_over(self._adapter, self._url)
        session.headers.update(credential.headers())
        try:
            response = session.get(
                self._api + quote(path), timeout=self._timeout, verify=self._verify
            )
            answer = response.json()
        except GitLabError:
            raise
        except (requests.RequestException, ValueError, RecursionError) as error:
            raise UnavailableError(f"GET {path}: {type(error).__name__}") from None
        if response.status_code == 200:
            return answer
        if response.status_code == 404 and absent_is_none:
            return None
        if response.status_code in {401, 403}:
            raise CallerRefusedError(response.status_code, _words(answer))
        raise UnavailableError(f"GET {path}: {response.status_code}")


def _words(answer: object) -> dict[str, str]:
    """Return what GitLab said, as far as it is words, or what it says of a refusal without."""
    said = answer if isinstance(answer, dict) else {}
    words = {str(name): text for name, text in said.items() if isinstance(text, str)}
    return words or {"message": "403 Forbidden"}
