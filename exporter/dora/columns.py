"""The facts of very many deployments as columns: a tenth of the time and memory of objects."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from exporter.dora.facts import Deployment

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class DeploymentColumns:
    """Deployments of one or more projects, in any order, and the merge requests that they brought.

    ``ids``, ``projects``, ``environments``, ``finished`` (instants) and ``first`` (0 or 1) have an
    element for each deployment. The others have one for each of its merge requests whose merge time
    is known: ``deployments`` is the position of the deployment in the columns above, ``merged_at``
    an instant, ``kinds`` the position in ``kinds_of_changes``, which has the target branches and
    authors that occur.
    """

    ids: Integers
    projects: Integers
    environments: Integers
    finished: Integers
    first: Integers
    deployments: Integers
    iids: Integers
    merged_at: Integers
    kinds: Integers
    kinds_of_changes: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, deployments: Iterable[Deployment], project_id: int = 0) -> Self:
        """Return deployments of one project as columns."""
        given = list(deployments)
        kinds: dict[tuple[str, str], int] = {}
        linked = [
            (position, one.iid, one.merged_at, kind)
            for position, deployment in enumerate(given)
            for one in deployment.merge_requests
            if one.merged_at is not None
            for kind in [kinds.setdefault((one.target_branch, one.author), len(kinds))]
        ]
        facts = [
            (one.id, project_id, one.environment_id, one.finished_at, one.first) for one in given
        ]
        return cls.joined(
            np.array(facts, np.int64).reshape(-1, 5).T,
            np.array(linked, np.int64).reshape(-1, 4).T,
            list(kinds),
        )

    @classmethod
    def joined(
        cls, facts: Integers, linked: Integers, kinds_of_changes: Sequence[tuple[str, str]]
    ) -> Self:
        """Return columns from arrays of five and of four rows, in the order of the fields."""
        ids, projects, environments, finished, first = facts
        deployments, iids, merged_at, kinds = linked
        return cls(
            ids,
            projects,
            environments,
            finished,
            first,
            deployments,
            iids,
            merged_at,
            kinds,
            kinds_of_changes,
        )
