"""Many GraphQL queries in few requests.

An array of queries travels in one request, each with its own allowance of complexity, as long as
their text stays below 10,000 characters together: https://docs.gitlab.com/ee/api/graphql/ (limits)
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from exporter.gitlab.client import Client, GraphQLAnswer
from exporter.gitlab.errors import InvalidError, RateLimitedError, TransientError

log = logging.getLogger(__name__)

TEXT = 9_800
"""Characters of the queries of one request; GitLab takes 10,000."""

_WEIGHT = 60
"""What the queries of a request weigh at first, so that GitLab answers them in time."""

MOST = 150
"""What they weigh at most; the text that GitLab takes has no room for more."""

_LIGHTER = 4
"""By how much less the next request weighs after one that GitLab could not answer."""

_LONGEST_PATIENCE = 64
"""Requests that must succeed before a greater weight is tried again."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query. ``weight`` is the number of lists and projects that GitLab must look up for it."""

    text: str
    variables: Mapping[str, object]
    weight: int = 1


class Allowance:
    """How much is asked in one request: less after a time-out, then slowly more again.

    Each time-out doubles how many requests must succeed before a greater weight is tried.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._patience = 1
        self._succeeded = 0
        self.most = _WEIGHT
        """What the queries of the next request may weigh."""
        self.proven = 0
        """What GitLab was seen to answer in time."""

    def succeeded(self, weight: int, *, full: bool) -> None:
        """Note an answer; ``full`` says that more would have been asked if it were allowed."""
        with self._lock:
            self.proven = max(self.proven, weight)
            if not full:
                return
            self._succeeded += 1
            if self._succeeded >= self._patience:
                self._succeeded = 0
                self.most = min(MOST, self.most + max(1, self.most // 4))

    def failed(self, weight: int) -> None:
        """Note that GitLab did not answer in time."""
        with self._lock:
            self._succeeded = 0
            self._patience = min(2 * self._patience, _LONGEST_PATIENCE)
            if weight > self.proven > 0:
                self.most = self.proven
            else:
                self.most = max(1, min(self.most, weight) // _LIGHTER)
                self.proven = 0


class Multiplex:
    """Sends queries in as few requests as GitLab takes; safe to use from several threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._allowance = Allowance()

    def run(self, queries: Sequence[Query]) -> list[Any]:
        """Execute queries; return each one's ``data``, None where GitLab answered with errors.

        What GitLab does not answer in time is asked again with fewer queries in a request.

        Raises:
            GitLabError: if GitLab does not answer.
        """
        answers: list[Any] = [None] * len(queries)
        left = list(range(len(queries)))
        while left:
            number, full = fitting([queries[one] for one in left], self._allowance.most)
            some, left = left[:number], left[number:]
            late = []
            told = self._ask([queries[one] for one in some], full=full)
            for one, answer in zip(some, told, strict=True):
                if answer.late and len(some) > 1:
                    late.append(one)
                else:
                    answers[one] = answer.data
            left = late + left
        return answers

    def _ask(self, some: Sequence[Query], *, full: bool) -> list[GraphQLAnswer]:
        weight = sum(one.weight for one in some)
        # A time-out takes its time, so what was never answered is not tried several times.
        insist = len(some) == 1 or weight <= self._allowance.proven
        try:
            answers = self._client.graphql_answers(
                [(one.text, one.variables) for one in some], insist=insist
            )
        except RateLimitedError:
            raise
        except (InvalidError, TransientError) as error:
            if len(some) == 1:
                raise
            self._fail(weight, error)
            return [GraphQLAnswer(None, late=True)] * len(some)
        if any(one.late for one in answers):
            self._fail(weight, "it takes too long")
        else:
            self._allowance.succeeded(weight, full=full)
        return answers

    def _fail(self, weight: int, reason: object) -> None:
        self._allowance.failed(weight)
        log.info("GraphQL is asked for less at a time for a while: %s", reason)


def fitting(queries: Sequence[Query], most: int) -> tuple[int, bool]:
    """Return how many of the first queries fit into a request, one at least, and whether full.

    Args:
        queries: that are left to ask.
        most: what those of a request may weigh.
    """
    text = weight = 0
    for number, one in enumerate(queries):
        text += len(one.text)
        weight += one.weight
        if number and (text > TEXT or weight > most):
            return number, text <= TEXT
    return len(queries), False
