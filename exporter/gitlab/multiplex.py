"""Many GraphQL queries in few requests.

An array of queries travels in one request, each with its own allowance of complexity, as long as
their text stays below 10,000 characters together: https://docs.gitlab.com/ee/api/graphql/ (limits)
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.gitlab.client import Client
from exporter.gitlab.errors import InvalidError, TransientError

log = logging.getLogger(__name__)

TEXT = 9_800
"""Characters of the queries of one request; GitLab takes 10,000."""

_WEIGHT = 60
"""What the queries of one request weigh at most, so that GitLab answers them in time."""

_LIGHTER = 4
"""By how much less the next request weighs after one that GitLab could not answer."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query. ``weight`` is the number of lists and projects that GitLab must look up for it."""

    text: str
    variables: Mapping[str, object]
    weight: int = 1


class Multiplex:
    """Sends queries in as few requests as GitLab takes; safe to use from several threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._most = _WEIGHT

    def run(self, queries: Sequence[Query]) -> list[Any]:
        """Execute queries; return each one's ``data``, None where GitLab answered with errors.

        A request that fails is tried once more with fewer queries, and later ones stay smaller.

        Raises:
            GitLabError: if GitLab does not answer.
        """
        answers: list[Any] = []
        while len(answers) < len(queries):
            some = list(_fitting(queries[len(answers) :], self._most))
            try:
                answers += self._ask(some)
            except (InvalidError, TransientError) as error:
                weight = sum(one.weight for one in some)
                if len(some) == 1:
                    raise
                self._most = max(1, min(self._most, weight) // _LIGHTER)
                log.info("GraphQL is asked for less at a time from now on: %s", error)
                answers += self._ask(list(_fitting(some, self._most)))
        return answers

    def _ask(self, some: Sequence[Query]) -> list[Any]:
        return self._client.graphql([(one.text, one.variables) for one in some])


def _fitting(queries: Sequence[Query], most: int) -> Iterator[Query]:
    """Yield the first queries that fit into one request, one at least."""
    text = weight = 0
    for number, one in enumerate(queries):
        text += len(one.text)
        weight += one.weight
        if number and (text > TEXT or weight > most):
            return
        yield one
