"""Following the store: only the projects that changed are read again, whoever changed them."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from threading import Lock

from exporter.batches import in_batches
from exporter.config import Settings
from exporter.dora.arithmetic import Authors, LeadTimeRules, timelines
from exporter.dora.columns import DeploymentColumns
from exporter.ledger.view import Timelines, View
from exporter.memory import uncollected
from exporter.rules import lead_time_rules, tier_of
from exporter.store import Store

_PROJECTS_A_QUERY = 200
"""So that a statement stays short."""

_MANY = 0.25
"""A larger share of the projects is read together with all others, sooner than by look-ups."""


class Ledger:
    """Gives views of the stored history."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._rules = lead_time_rules(settings)
        self._lock = Lock()
        self._timelines: dict[int, Timelines] = {}
        self._of_bots: dict[int, Timelines] = {}
        self._revision = 0

    def view(self) -> View:
        """Return the present state.

        Of the deployments and merge requests, only those of projects are read in which some
        changed since the last view, or that were not in scope then.
        """
        with self._lock, self._store.one_state():
            revision, stale = self._store.revisions.since(self._revision)
            scope = self._store.scope.load()
            ids = [one.id for one in scope.projects]
            wanted = [one for one in ids if one in stale or one not in self._timelines]
            read: dict[int, Timelines] = {one: {} for one in wanted}
            of_bots: dict[int, Timelines] = {}
            many = len(wanted) > max(_PROJECTS_A_QUERY, _MANY * len(ids))
            for part in [None] if many else in_batches(wanted, _PROJECTS_A_QUERY):
                found, found_of_bots = self._read(part)
                read.update(found)
                of_bots.update(found_of_bots)
            # New dictionaries: views that were given out must not change.
            self._timelines = {
                one: read[one] if one in read else self._timelines[one] for one in ids
            }
            kept = {one: each for one, each in self._of_bots.items() if one not in read}
            self._of_bots = {
                one: each for one, each in (kept | of_bots).items() if one in self._timelines
            }
            self._revision = revision
            tiers = {
                project_id: {one.id: tier_of(one, self._settings) for one in environments}
                for project_id, environments in self._store.history.environments(ids).items()
            }
            return View(
                scope=scope,
                polled_at=self._store.scope.polled(),
                tiers=tiers,
                timelines=self._timelines,
                of_bots=self._of_bots,
                counters=self._store.history.counters(),
                rules=self._rules,
            )

    def _read(
        self, project_ids: Collection[int] | None
    ) -> tuple[Mapping[int, Timelines], Mapping[int, Timelines]]:
        """Return the timelines of some projects, and the lead times of excluded authors."""
        rules = self._rules
        with uncollected():
            columns = self._store.history.columns(
                project_ids,
                with_first=rules.include_first,
                with_kinds=bool(rules.target_branches or rules.excluded_authors),
            )
            return timelines(columns, rules), _of_bots(columns, rules)


def _of_bots(columns: DeploymentColumns, rules: LeadTimeRules) -> dict[int, Timelines]:
    """Return what :class:`Authors` adds to the timelines, where it adds anything."""
    if not rules.excluded_authors:
        return {}
    found: dict[int, Timelines] = {}
    for project_id, environments in timelines(
        columns, replace(rules, authors=Authors.BOTS)
    ).items():
        some = {
            number: one.without_deployments()
            for number, one in environments.items()
            if len(one.seconds)
        }
        if some:
            found[project_id] = some
    return found
