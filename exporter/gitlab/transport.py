"""The one door through which requests leave: paced, counted, and with the token only to GitLab."""

import re
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter

from exporter.gitlab.budget import Budget
from exporter.gitlab.errors import RedirectedError

Observer = Callable[[str, str], None]
"""Called after each request with its endpoint, such as ``/projects/:id/deployments``, and the
status of the answer, or ``error`` where none came."""

_API = re.compile(r".*?/api(?:/v4(?=/)|(?P<graphql>/graphql)$)")
_ID = re.compile(r"/(projects|groups|deployments|environments|all|merge_requests)/[^/]+")


def endpoint_of(url: str) -> str:
    """Return the documented form of a request's path, without ids: a label of few values.

    What lies outside the API, where a redirect may lead, is ``other``.
    """
    path = urlsplit(url).path
    api = _API.match(path)
    if api is None:
        return "other"
    return api["graphql"] or _ID.sub(r"/\1/:id", path[api.end() :])


class PacedAdapter(HTTPAdapter):
    """Paces and counts requests to one GitLab."""

    def __init__(self, budget: Budget, observer: Observer, connections: int) -> None:
        self._budget = budget
        self._observer = observer
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def send(  # noqa: PLR0917 - the signature of the class above
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a request when its turn comes.

        Raises:
            StoppedError: if the exporter is shutting down.
        """
        self._budget.spend()
        try:
            self.authorise(request)
            status = "error"
            try:
                response = super().send(request, stream, timeout, verify, cert, proxies)
                status = str(response.status_code)
            finally:
                self._observer(endpoint_of(request.url or ""), status)
            self.learn(response)
        finally:
            self._budget.ended()
        return response

    def learn(self, response: requests.Response) -> None:
        """Let the budget know what GitLab tells of its limits."""
        self._budget.observe(response.status_code, response.headers)

    def authorise(self, request: requests.PreparedRequest) -> None:
        """Add what tells GitLab who asks; here nothing, the session has it."""


class _OwnAdapter(PacedAdapter):
    """Asks with the exporter's own token, as it is at each request."""

    def __init__(
        self, token: Callable[[], str], budget: Budget, observer: Observer, connections: int
    ) -> None:
        self._token = token
        super().__init__(budget, observer, connections)

    def authorise(self, request: requests.PreparedRequest) -> None:
        token = self._token()
        request.headers["PRIVATE-TOKEN"] = token
        if (request.url or "").endswith("/api/graphql"):
            request.headers["Authorization"] = f"Bearer {token}"


class _Session(requests.Session):
    def rebuild_auth(self, *_: Any) -> None:
        """Leave a redirected request as it is; `requests` would add what a .netrc has."""


class _NowhereElse(BaseAdapter):
    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        target = urlsplit(request.url or "")
        raise RedirectedError(f"{target.scheme}://{target.netloc}")

    def close(self) -> None:
        pass


def open_session(
    url: str,
    *,
    token: Callable[[], str],
    budget: Budget,
    observer: Observer,
    connections: int,
) -> requests.Session:
    """Return a session that talks to the GitLab at ``url``, with this token, and nothing else."""
    return session_over(_OwnAdapter(token, budget, observer, connections), url)


def session_over(adapter: PacedAdapter, url: str) -> requests.Session:
    """Return a session that talks through an adapter to the GitLab at ``url`` and nothing else."""
    session = _Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Without this, `requests` would add the credentials that a .netrc has for the host.
    session.auth = lambda request: request
    session.mount("http://", _NowhereElse())
    session.mount("https://", _NowhereElse())
    parts = urlsplit(url)
    session.mount(f"{parts.scheme}://{parts.netloc}/", adapter)
    return session
