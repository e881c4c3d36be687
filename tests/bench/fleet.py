"""A large company's facts, made from a seed, for the exporter's store and for a PostgreSQL.

One group of many projects in subgroups; each project has a production and a staging environment.
Nothing is deployed before it is merged, and an environment's first deployment links no merge
request, so that both sides take the same rows.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from exporter.dora.facts import Environment
from exporter.instant import Instant, from_datetime, microseconds
from exporter.store import Discovered, Links, Reading, Store, schema

Integers = NDArray[np.int64]

GROUP_ID = 1
GROUP = "company"
SUBGROUPS = 40

FIRST_DAY = date(2026, 1, 1)
DAY = microseconds(timedelta(days=1))
EPOCH = from_datetime(datetime(2026, 1, 1, tzinfo=UTC))

DEPLOYMENTS_A_DAY = 2.0
"""Of a project, to production, on average."""

MERGE_REQUESTS_A_DEPLOYMENT = 1.5

_STAGING_SHARE = 0.25
"""Deployments to staging for each one to production."""

_MEDIAN_LEAD_TIME = 20 * 3600.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """The facts as columns. Instants are microseconds since 1970; ids begin at 1.

    ``environments`` and ``finished`` have an element for each deployment, ordered by finish, whose
    id is its position plus 1. ``linked_to`` and ``merged`` have one for each merge request: the id
    of its deployment and when it was merged.
    """

    projects: int
    days: int
    environments: Integers
    finished: Integers
    linked_to: Integers
    merged: Integers
    begin: Instant = EPOCH

    @classmethod
    def make(cls, *, projects: int, days: int, seed: int) -> Self:
        """Make the facts of ``days`` days from ``FIRST_DAY`` on."""
        rng = np.random.default_rng(seed)
        pace = rng.gamma(1.5, DEPLOYMENTS_A_DAY / 1.5, projects)
        # Odd ids are production, even ones staging.
        paces = np.stack([pace, pace * _STAGING_SHARE], axis=1).ravel()
        counts = rng.poisson(paces * days)
        environments = np.repeat(np.arange(1, 2 * projects + 1), counts)
        finished = EPOCH + rng.integers(0, days * DAY, len(environments))
        order = np.argsort(finished, kind="stable")
        environments, finished = environments[order], finished[order]
        linked = rng.poisson(MERGE_REQUESTS_A_DEPLOYMENT, len(finished))
        linked[np.unique(environments, return_index=True)[1]] = 0
        linked_to = np.repeat(np.arange(1, len(finished) + 1), linked)
        waited = rng.lognormal(np.log(_MEDIAN_LEAD_TIME), 1.4, len(linked_to)) * 1e6
        merged = finished[linked_to - 1] - waited.astype(np.int64)
        return cls(projects, days, environments, finished, linked_to, merged)

    @property
    def end(self) -> Instant:
        """Where the facts end, excluded."""
        return Instant(self.begin + self.days * DAY)

    def ending(self, end: Instant) -> "Fleet":
        """Return the same facts at another time."""
        shift = end - self.end
        return replace(
            self,
            finished=self.finished + shift,
            merged=self.merged + shift,
            begin=Instant(self.begin + shift),
        )

    def project_path(self, project_id: int) -> str:
        """Return the full path of a project."""
        return f"{GROUP}/team-{project_id % SUBGROUPS}/app-{project_id}"

    def environments_of(self, project_id: int) -> tuple[Environment, Environment]:
        """Return the production and the staging environment of a project."""
        production = 2 * project_id - 1
        return (
            Environment(production, project_id, "production", "production"),
            Environment(production + 1, project_id, "staging", "staging"),
        )

    def fill(self, store: Store) -> None:
        """Store everything, as if it had been polled up to the end."""
        ids = range(1, self.projects + 1)
        found = Discovered({one: self.project_path(one) for one in ids}, {GROUP_ID: GROUP})
        store.scope.save_discovery({GROUP: found}, at=self.end, fingerprint="bench")
        for one in ids:
            pair = self.environments_of(one)
            read = Reading((), pair, True, self.end, self.begin, True)
            store.readings.save(one, read, at=self.end, tiers={}, group_ids=())
        # Row by row through the store's own methods this would take minutes.
        deployment_project = (self.environments + 1) // 2
        first = np.zeros(len(self.finished), bool)
        first[np.unique(self.environments, return_index=True)[1]] = True
        with store._database.writing() as connection:
            connection.execute(
                schema.deployments.insert(),
                [
                    {
                        "id": number,
                        "project_id": project,
                        "environment_id": environment,
                        "iid": number,
                        "ref": "main",
                        "sha": f"{number:040x}",
                        "created_at": finished,
                        "finished_at": finished,
                        "finish_source": "deployment",
                        "first": is_first,
                        "links": Links.FINAL,
                        "links_read_at": self.end,
                    }
                    for number, (project, environment, finished, is_first) in enumerate(
                        zip(
                            deployment_project.tolist(),
                            self.environments.tolist(),
                            self.finished.tolist(),
                            first.tolist(),
                            strict=True,
                        ),
                        start=1,
                    )
                ],
            )
            connection.execute(
                schema.merge_requests.insert(),
                [
                    {
                        "project_id": project,
                        "iid": iid,
                        "merged_at": merged,
                        "target_branch": "main",
                        "author": "ada",
                    }
                    for iid, (project, merged) in enumerate(
                        zip(
                            deployment_project[self.linked_to - 1].tolist(),
                            self.merged.tolist(),
                            strict=True,
                        ),
                        start=1,
                    )
                ],
            )
            connection.execute(
                schema.links.insert(),
                [
                    {"deployment_id": deployment, "iid": iid}
                    for iid, deployment in enumerate(self.linked_to.tolist(), start=1)
                ],
            )
        store.scope.save_poll(self.end, ids)
