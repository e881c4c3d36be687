"""The paths of ``/dora/metrics``, as GitLab has them and without the path."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from exporter.api.access import Access
from exporter.api.answer import answer
from exporter.api.errors import RefusalError, forbidden_metrics, malformed, not_found
from exporter.api.parameters import read_parameters
from exporter.api.reply import AnswerCache, reply
from exporter.clock import Clock
from exporter.config import Settings
from exporter.dora.calendar import day_of
from exporter.gitlab.callers import REPORTER, Kind
from exporter.ledger import View

_THREADS = 16
"""Answers worked on side by side: most of the time they wait for GitLab's verdict on a caller."""

# GitLab's framework takes a path with a slash or its format behind as well.
_ENDINGS = ("", "/", ".json")


@dataclass(frozen=True, slots=True)
class DoraApi:
    """The JSON API over the present view of the history."""

    view: Callable[[], View]
    settings: Settings
    clock: Clock
    access: Access
    answers: AnswerCache
    limiter: CapacityLimiter

    @classmethod
    def over(
        cls, view: Callable[[], View], settings: Settings, clock: Clock, access: Access
    ) -> "DoraApi":
        """Return the API over views that ``view`` gives."""
        return cls(view, settings, clock, access, AnswerCache(), CapacityLimiter(_THREADS))

    def routes(self) -> Iterator[BaseRoute]:
        """Yield the routes of the API."""
        for ending in _ENDINGS:
            yield Route(f"/dora/metrics{ending}", self._by_query, methods=["GET"])
            for prefix in ("", "/api/v4"):
                for kind in ("project", "group"):
                    path = f"{prefix}/{kind}s/{{{kind}:path}}/dora/metrics{ending}"
                    yield Route(path, self._by_path, methods=["GET"])

    async def _by_path(self, request: Request) -> Response:
        return await self._respond(request, request.path_params)

    async def _by_query(self, request: Request) -> Response:
        return await self._respond(request, request.query_params)

    async def _respond(self, request: Request, named: Mapping[str, Any]) -> Response:
        def respond() -> Response:
            try:
                return self._answer(request, named)
            except RefusalError as refusal:
                return refusal.response()

        return await run_sync(respond, limiter=self.limiter)

    def _answer(self, request: Request, named: Mapping[str, Any]) -> Response:
        caller = self.access.identify(request)
        kind, reference = _named(named)
        parameters = read_parameters(
            request.query_params,
            today=day_of(self.clock.now(), self.settings.timezone),
            payload=self.settings.api.payload,
        )
        view = self.view()
        container = (
            view.find_project(reference) if kind == "project" else view.find_group(reference)
        )
        # GitLab is asked about the id that was found here, never about what the caller wrote.
        role = None if container is None else self.access.role(caller, kind, container.id)
        if container is None or role is None:
            raise not_found(kind)
        query = parameters.checked(longest_days=self.settings.api.max_range.timedelta.days)
        if role < REPORTER:
            raise forbidden_metrics()
        body = self.answers.get(view, container, query, lambda: answer(view, container, query))
        return reply(request, view, container, body)


def _named(parameters: Mapping[str, Any]) -> tuple[Kind, str]:
    """Return which project or group is asked about."""
    project, group = parameters.get("project"), parameters.get("group")
    if project is not None and group is not None:
        raise malformed("project, group are mutually exclusive")
    if project is not None:
        return "project", str(project)
    if group is not None:
        return "group", str(group)
    raise malformed("project, group are missing, exactly one parameter must be provided")
