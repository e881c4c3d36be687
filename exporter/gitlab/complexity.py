"""How much a GraphQL query may ask for: the instance's own limit, and what we ask costs there.

GitLab refuses a query above a complexity, 250 if nobody changed it, and tells of it in the query
itself: https://docs.gitlab.com/ee/api/graphql/ (limits)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Complexity:
    """The points of queries for merge requests; the defaults are those of recent GitLabs.

    ``limit`` is what a query may cost, ``query`` its own cost, and ``deployment`` that of the merge
    requests of each deployment.
    """

    limit: int = 250
    query: int = 2
    deployment: int = 13

    @property
    def deployments_a_query(self) -> int:
        """For how many deployments the merge requests may be asked in one query, at least one."""
        return max(1, (self.limit - self.query) // self.deployment)


USUAL = Complexity()


def measured(answers: Sequence[Any]) -> Complexity:
    """Return what was measured, and the default of what was not.

    Args:
        answers: to three queries that ask for ``queryComplexity``: for nothing else, and for the
            merge requests of one deployment and of two.
    """
    limit = _number(answers[0], "limit") or USUAL.limit
    alone, one, two = (_number(answer, "score") for answer in answers)
    if alone is None or one is None or two is None or not alone < one < two:
        return Complexity(limit)
    deployment = two - one
    return Complexity(limit, max(one - alone - deployment, 0), deployment)


def _number(answer: Any, name: str) -> int | None:
    told = answer.get("queryComplexity") if isinstance(answer, dict) else None
    number = told.get(name) if isinstance(told, dict) else None
    usable = isinstance(number, int) and not isinstance(number, bool) and number > 0
    return number if usable else None
