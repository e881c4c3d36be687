"""What the GraphQL of this GitLab can do: detected once, and again where it failed or lacks."""

import logging
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from exporter.clock import Clock
from exporter.gitlab.client import Client
from exporter.gitlab.complexity import Complexity, measured
from exporter.gitlab.errors import (
    BadAnswerError,
    RefusedError,
    TransientError,
    UnauthorizedError,
)
from exporter.gitlab.linked import link_query

log = logging.getLogger(__name__)

DETECT_AGAIN = 600.0
"""Seconds until GraphQL is tried again after it could not be reached, or first lacked something."""

DETECT_ANEW = 24 * 3600.0
"""Seconds until GraphQL is looked at again that twice lacked the same: GitLab may be newer then."""

DETECT = """{
  deployment: __type(name: "Deployment") { fields { name } }
  environment: __type(name: "Environment") { fields { name } }
  project: __type(name: "Project") { fields { name args { name } } }
}"""

_COST = "queryComplexity{limit score}"

MEASURE = (f"{{{_COST}}}", link_query([1], _COST), link_query([1, 2], _COST))
"""What the merge requests of deployments cost, for :func:`~exporter.gitlab.complexity.measured`."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """What GraphQL tells.

    ``finishes`` are the exact finishes of deployments and the tiers of environments,
    ``overview`` the last success of each environment, ``links`` the merge requests of a
    deployment, and ``complexity`` how many of those it tells at once.
    """

    finishes: bool = False
    overview: bool = False
    links: bool = False
    complexity: Complexity = field(default_factory=Complexity)

    @property
    def whole(self) -> bool:
        """Whether nothing is lacking."""
        return self.finishes and self.overview and self.links


class Capabilities:
    """Knows what may be asked of GraphQL; safe to use from several threads."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._lock = Lock()
        self._known: Abilities | None = None
        self._told: Abilities | None = None
        """What it could do when it last told."""
        self._confirmed = False
        self._detect_at = 0.0

    def now(self) -> Abilities:
        """Return what GraphQL can do now: nothing while it cannot be reached."""
        with self._lock:
            lacking = self._known is None or not self._known.whole
            if lacking and self._clock.monotonic() >= self._detect_at:
                self._detect()
            return self._known or Abilities()

    def _detect(self) -> None:
        self._known = self._ask()
        # One answer may be wrong, and a day is long to go without.
        self._confirmed = self._known is not None and self._known == self._told
        self._told = self._known or self._told
        wait = DETECT_ANEW if self._confirmed else DETECT_AGAIN
        self._detect_at = self._clock.monotonic() + wait

    def _ask(self) -> Abilities | None:
        try:
            return detect(self._client)
        except (TransientError, UnauthorizedError) as error:
            # Finishes read from jobs meanwhile are made exact once it answers.
            log.warning("GraphQL cannot be reached, finishes are estimated: %s", error)
            return None
        except RefusedError as error:
            log.info("this GitLab answers no GraphQL, finishes are estimated: %s", error)
            return Abilities()

    @property
    def without_finishes(self) -> bool:
        """Whether it is known that GraphQL tells no finishes; told once, it is not."""
        with self._lock:
            return self._confirmed and self._known is not None and not self._known.finishes

    def lost(self, error: Exception) -> None:
        """Do without GraphQL for a while; finishes read meanwhile are made exact later."""
        with self._lock:
            self._known = None
            self._detect_at = self._clock.monotonic() + DETECT_AGAIN
        log.warning("GraphQL fails, finishes are estimated: %s", error)


def detect(client: Client) -> Abilities:
    """Ask, in one request, what the GraphQL of this GitLab can do.

    Raises:
        GitLabError: if GitLab does not answer, or not as GraphQL does.
    """
    # What a query costs is told before it is known whether there is such a project.
    data, *costs = client.graphql([(DETECT, {}), *((one, {"p": "-"}) for one in MEASURE)])
    finishes = "finishedAt" in _fields(data, "deployment")
    return Abilities(
        finishes=finishes and "tier" in _fields(data, "environment"),
        overview=finishes and {"tier", "lastDeployment"} <= _fields(data, "environment").keys(),
        links="deploymentId" in _fields(data, "project").get("mergeRequests", ()),
        complexity=measured(costs),
    )


def _fields(data: Any, type_name: str) -> dict[str, set[str]]:
    """Return the arguments of a type's fields by name; none where GitLab knows no such type.

    Raises:
        BadAnswerError: if the answer has another form than GraphQL gives it.
    """
    if data is None:  # errors: a query about types may be forbidden
        return {}
    try:
        told = data[type_name]
        return {
            field["name"]: {argument["name"] for argument in field["args"]}
            if "args" in field
            else set()
            for field in (told["fields"] if told is not None else ())
        }
    except (KeyError, TypeError):
        raise BadAnswerError("GraphQL: no fields where types were asked for") from None
