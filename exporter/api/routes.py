"""The paths of ``/dora/metrics``, as GitLab has them and without the path, and of explanations."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from exporter.api.explain import Explainer
from exporter.api.pages import read_page
from exporter.api.parameters import Query, read_parameters
from exporter.api.per_view import PerView
from exporter.api.reply import answer_cache, encoded, reply
from exporter.clock import Clock
from exporter.config import Settings
from exporter.dora.calendar import day_of
from exporter.dora.facts import Group, Project
from exporter.gitlab.callers import REPORTER, Kind
from exporter.ledger import View
from exporter.store import ProvenanceStore

_THREADS = 16
"""Answers worked on side by side: most of the time they wait for GitLab's verdict on a caller."""

_EXPLAINED = 2
"""Explanations worked on side by side: each reads its range of the store, which takes memory."""

# GitLab's framework takes a path with a slash or its format behind as well.
_ENDINGS = ("", "/", ".json")


@dataclass(frozen=True, slots=True)
class DoraApi:
    """The JSON API over the present view of the history."""

    view: Callable[[], View]
    settings: Settings
    clock: Clock
    access: Access
    explainer: Explainer
    answers: PerView[bytes]
    limiter: CapacityLimiter
    explaining: CapacityLimiter

    @classmethod
    def over(
        cls,
        view: Callable[[], View],
        settings: Settings,
        clock: Clock,
        access: Access,
        provenance: ProvenanceStore,
    ) -> "DoraApi":
        """Return the API over views that ``view`` gives, explained from the store."""
        return cls(
            view,
            settings,
            clock,
            access,
            Explainer.over(provenance, settings),
            answer_cache(),
            CapacityLimiter(_THREADS),
            CapacityLimiter(_EXPLAINED),
        )

    def routes(self) -> Iterator[BaseRoute]:
        """Yield the routes of the API."""
        for page, endpoint in (("metrics", self._metrics), ("explain", self._explain)):
            for ending in _ENDINGS:
                yield Route(f"/dora/{page}{ending}", endpoint, methods=["GET"])
                for prefix in ("", "/api/v4"):
                    for kind in ("project", "group"):
                        path = f"{prefix}/{kind}s/{{{kind}:path}}/dora/{page}{ending}"
                        yield Route(path, endpoint, methods=["GET"])

    async def _metrics(self, request: Request) -> Response:
        def respond() -> Response:
            asked = view, container, _ = self._asked(request)
            body = self.answers.get(*asked, lambda: encoded(answer(*asked)))
            return reply(request, view, container, body)

        try:
            return await run_sync(respond, limiter=self.limiter)
        except RefusalError as refusal:
            return refusal.response()

    async def _explain(self, request: Request) -> Response:
        page, wrong = read_page(request.query_params)

        def respond() -> Response:
            explained, total = self.explainer.explain(view, container, query, page)
            # Where the path does not name it the links have to.
            kind = "project" if isinstance(container, Project) else "group"
            named = [] if request.path_params else [(kind, str(container.id))]
            headers = page.headers(total, [*named, *query.parameters()])
            return reply(request, view, container, encoded(explained), headers)

        try:
            # Whoever may not read takes no one's turn to do so.
            view, container, query = await run_sync(
                self._asked, request, wrong, limiter=self.limiter
            )
            return await run_sync(respond, limiter=self.explaining)
        except RefusalError as refusal:
            return refusal.response()

    def _asked(
        self, request: Request, wrong: Sequence[str] = ()
    ) -> tuple[View, Project | Group, Query]:
        """Return what is asked about whom, where the caller may know.

        Raises:
            RefusalError: if they may not, or the question makes no sense.
        """
        caller = self.access.identify(request)
        kind, reference = _named(request.path_params or request.query_params)
        parameters = read_parameters(
            request.query_params,
            today=day_of(self.clock.now(), self.settings.timezone),
            payload=self.settings.api.payload,
            wrong=wrong,
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
        return view, container, query


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
