"""Facts to store, short to write; instants are small numbers of days after 1970."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

import numpy as np

from exporter.dora.facts import Deployment, Environment, MergeRequest
from exporter.instant import Instant, microseconds
from exporter.store import Discovered, Reading, SeenDeployment, Store

DAY = microseconds(timedelta(days=1))
NOW = 1000 * DAY
APP, API, WEB = 1, 2, 3
TOP, SUB, SIDE = 11, 12, 13
PROD, STAGE = 101, 102
TIERS = {PROD: "production", STAGE: "staging"}


def seen(number: int, at: Instant, environment: int = PROD) -> SeenDeployment:
    """Return a deployment that finished at an instant."""
    return SeenDeployment(number, number, environment, "main", "5ad", at - 60, at, "deployment")


def environment(
    number: int = PROD,
    *,
    project: int = APP,
    name: str = "production",
    tier: str | None = "production",
    oldest: int | None = None,
) -> Environment:
    """Return an environment."""
    return Environment(number, project, name, tier, oldest)


def change(iid: int, merged_at: Instant = 0, branch: str = "main") -> MergeRequest:
    """Return a merge request."""
    return MergeRequest(iid, merged_at, branch, "ada")


def discover(
    store: Store,
    projects: Mapping[int, str] | None = None,
    groups: Mapping[int, str] | None = None,
) -> None:
    """Put projects and groups in scope, by default the project ``top/app`` alone."""
    content = Discovered(projects or {APP: "top/app"}, groups or {})
    store.scope.save_discovery({"all": content}, at=NOW, fingerprint="x")


def save(
    store: Store,
    deployments: Sequence[SeenDeployment] = (),
    environments: Sequence[Environment] | None = None,
    *,
    project: int = APP,
    tiers: Mapping[int, str] = TIERS,
    groups: Collection[int] = (),
    covered_since: Instant = 0,
    complete: bool = True,
    everything: bool = False,
    corrected: Sequence[SeenDeployment] = (),
    at: Instant = NOW,
) -> int:
    """Save a reading of a project, by default with its one environment, and return what is new."""
    reading = Reading(
        deployments,
        [environment(project=project)] if environments is None else environments,
        everything,
        cursor=at,
        covered_since=covered_since,
        complete=complete,
        corrected=corrected,
    )
    return store.readings.save(project, reading, at=at, tiers=tiers, group_ids=groups)


def link(store: Store, linked: Mapping[int, Iterable[int]], *, at: Instant = NOW) -> None:
    """Link merge requests, given by number, to deployments of the project ``top/app``."""
    store.links.save(
        APP,
        {number: [change(iid) for iid in iids] for number, iids in linked.items()},
        at=at,
    )


def polled(store: Store, at: Instant = NOW) -> None:
    """Complete a poll of the project ``top/app``."""
    store.scope.save_poll(at, [APP])


def stored(store: Store, project: int = APP, *, with_first: bool = True) -> list[Deployment]:
    """Return the deployments that the history gives for a project."""
    return history_of(store, [project], with_first=with_first).get(project, [])


def history_of(
    store: Store, projects: Collection[int] | None, *, with_first: bool = True
) -> dict[int, list[Deployment]]:
    """Return the deployments that the history gives, by project and in the order of their ends."""
    columns = store.history.columns(projects, with_first=with_first, with_kinds=True)
    changes: dict[int, list[MergeRequest]] = defaultdict(list)
    for position, iid, merged_at, kind in zip(
        *(one.tolist() for one in (columns.deployments, columns.iids)),
        *(one.tolist() for one in (columns.merged_at, columns.kinds)),
        strict=True,
    ):
        changes[position].append(MergeRequest(iid, merged_at, *columns.kinds_of_changes[kind]))
    found: dict[int, list[Deployment]] = defaultdict(list)
    for position in np.argsort(columns.finished, kind="stable").tolist():
        number, environment, finished_at, first = (
            int(one[position])
            for one in (columns.ids, columns.environments, columns.finished, columns.first)
        )
        found[int(columns.projects[position])].append(
            Deployment(number, environment, finished_at, bool(first), tuple(changes[position]))
        )
    return found


def ids(deployments: Iterable[Deployment]) -> list[int]:
    """Return the ids of deployments."""
    return [one.id for one in deployments]


def linked_to(deployments: Iterable[Deployment]) -> dict[int, set[int]]:
    """Return the numbers of the merge requests of each deployment."""
    return {one.id: {change.iid for change in one.merge_requests} for one in deployments}
