"""What the numbers are made of: the reading side of the facts."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, Connection, Select, literal_column, select

from exporter.dora.columns import DeploymentColumns, Integers
from exporter.dora.facts import Environment
from exporter.store import schema
from exporter.store.engine import Database
from exporter.store.revisions import REVISION, number, revision_query
from exporter.store.rows import rows_of, text_of
from exporter.store.second_reader import second_reader

_IIDS = 2**32
"""GitLab counts the merge requests of a project in fewer bits than these, and projects too."""

_MANY = 200_000
"""So many merge requests are read by a second process: that takes longer than to start it."""

_Rows = Iterable[Sequence[tuple[int, ...]]]


class HistoryStore:
    """Deployments with their merge requests, environments and counters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def columns(
        self, project_ids: Collection[int] | None, *, with_first: bool, with_kinds: bool
    ) -> DeploymentColumns:
        """Return the stored deployments of some projects, of all that are stored if None.

        Some may have finished after the last complete poll of their project, and their merge
        requests not be read yet.

        Args:
            project_ids: of which projects. Of many, all are had sooner.
            with_first: whether the merge requests of first deployments are wanted.
            with_kinds: whether target branches and authors are; else all are the same, and empty.
        """
        deployments, merge_requests, links = schema.deployments, schema.merge_requests, schema.links
        environments = schema.environments
        # Each column of very many rows takes time: the project is that of the environment, and few
        # deployments are first ones. Each look-up of a few takes more.
        facts = select(deployments.c.id, deployments.c.environment_id, deployments.c.finished_at)
        first = select(deployments.c.id).where(deployments.c.first)
        owners = select(environments.c.id, environments.c.project_id)
        # Of a project and an iid one number is made, to look for.
        key = merge_requests.c.project_id * _IIDS + merge_requests.c.iid
        linked = select(links.c.deployment_id, links.c.iid)
        kinds = (merge_requests.c.target_branch, merge_requests.c.author) if with_kinds else ()
        changes = select(key, merge_requests.c.merged_at, *kinds).where(
            merge_requests.c.merged_at.is_not(None)
        )
        if project_ids is not None:
            asked = list(project_ids)
            facts = facts.add_columns(deployments.c.first).where(
                deployments.c.project_id.in_(asked)
            )
            owners = owners.where(environments.c.project_id.in_(asked))
            linked = linked.join(deployments, deployments.c.id == links.c.deployment_id).where(
                deployments.c.project_id.in_(asked)
            )
            changes = changes.where(merge_requests.c.project_id.in_(asked))
        alone = project_ids is None and not with_kinds
        known: dict[tuple[str, str], int] = {} if with_kinds else {("", ""): 0}
        # The three are joined here: a database looks up each row of many by itself.
        with (
            self._database.reading() as connection,
            self._beside(connection, changes if alone else None) as beside,
        ):
            rows = rows_of(connection, facts.order_by(deployments.c.id))
            found = _facts(
                _with_first(_integers(rows, 3), _integers(rows_of(connection, first), 1)[0])
                if project_ids is None
                else _integers(rows, 4),
                _integers(rows_of(connection, owners.order_by(environments.c.id)), 2),
            )
            pairs = _integers(rows_of(connection, linked), 2)
            merged = beside()
            if merged is None:
                rows = rows_of(connection, changes)
                merged = _integers(_with_kind(rows, known), 3) if with_kinds else _integers(rows, 2)
        return _joined(found, pairs, merged, list(known), with_first=with_first)

    @contextmanager
    def _beside(
        self, connection: Connection, changes: Select[Any] | None
    ) -> Iterator[Callable[[], Integers | None]]:
        """Have merge requests read by a second process where they are very many.

        Gives what waits for them; that gives None where they must be read here.
        """
        file = self._database.file
        if changes is None or file is None or _merge_requests(connection) < _MANY:
            yield lambda: None
            return
        state = number(connection, REVISION)
        texts = [text_of(connection, one) for one in (revision_query(), changes)]
        with second_reader(file, *texts, width=2) as reader:
            yield lambda: None if reader is None else reader.rows(state)

    def environments(self, project_ids: Collection[int]) -> dict[int, list[Environment]]:
        """Return, by project, every environment it has or had."""
        environments = schema.environments
        found: dict[int, list[Environment]] = defaultdict(list)
        with self._database.reading() as connection:
            for row in connection.execute(
                select(
                    environments.c.id,
                    environments.c.project_id,
                    environments.c.name,
                    environments.c.tier,
                    environments.c.oldest_deployment_id,
                ).where(environments.c.project_id.in_(list(project_ids)))
            ):
                found[row.project_id].append(Environment(*row))
        return found

    def counters(self) -> dict[tuple[str, int, str], int]:
        """Return the deployments ever counted, by kind (project or group), id and tier."""
        counters = schema.counters
        with self._database.reading() as connection:
            rows = connection.execute(
                select(counters.c.kind, counters.c.id, counters.c.tier, counters.c.deployments)
            )
            return {(kind, number, tier): total for kind, number, tier, total in rows}


def _merge_requests(connection: Connection) -> int:
    """Return about how many merge requests SQLite holds, without a look at each."""
    newest = select(literal_column("max(rowid)", BigInteger)).select_from(schema.merge_requests)
    return connection.execute(newest).scalar() or 0


def _integers(batches: _Rows, width: int) -> Integers:
    """Return rows as an array with a row for each column."""
    parts = [np.array(rows, np.int64).T for rows in batches]
    return np.concatenate([np.empty((width, 0), np.int64), *parts], axis=1)


def _with_first(found: Integers, first: Integers) -> Integers:
    """Add a column to those of deployments in ascending order: 1 for some ids, 0 for the others."""
    is_first = np.zeros_like(found[0])
    is_first[found[0].searchsorted(first)] = 1
    return np.concatenate([found, [is_first]])


def _facts(found: Integers, owners: Integers) -> Integers:
    """Return the columns of deployments: what :meth:`DeploymentColumns.joined` asks for.

    Args:
        found: their ids in ascending order, environments, finishes and whether they are first.
        owners: the ids of all environments in ascending order, and their projects.
    """
    ids, environments, finished, first = found
    projects = owners[1][owners[0].searchsorted(environments)]
    return np.stack([ids, projects, environments, finished, first])


def _with_kind(
    batches: Iterable[Sequence[tuple[Any, ...]]], known: dict[tuple[str, str], int]
) -> _Rows:
    """Put the number of a merge request's kind in the place of its branch and author."""
    for rows in batches:
        yield [
            (key, merged_at, known.setdefault((branch, author), len(known)))
            for key, merged_at, branch, author in rows
        ]


def _joined(
    facts: Integers,
    linked: Integers,
    merged: Integers,
    kinds_of_changes: Sequence[tuple[str, str]],
    *,
    with_first: bool,
) -> DeploymentColumns:
    ids, projects, _, _, first = facts
    deployments = ids.searchsorted(linked[0])
    if not with_first:
        wanted = first[deployments] == 0
        deployments, linked = deployments[wanted], linked[:, wanted]
    keys, merged_at, *kind = merged[:, np.argsort(merged[0], kind="stable")]
    asked = projects[deployments] * _IIDS + linked[1]
    places = keys.searchsorted(asked)
    there = places < len(keys)
    there[there] = keys[places[there]] == asked[there]
    merged_at, *kind = (one[places[there]] for one in (merged_at, *kind))
    kinds = kind[0] if kind else np.zeros_like(merged_at)
    linked = np.stack([deployments[there], linked[1][there], merged_at, kinds])
    return DeploymentColumns.joined(facts, linked, kinds_of_changes)
