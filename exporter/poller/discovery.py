"""Finding which projects and groups are in scope, and how their environments changed."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock

from exporter.clock import Clock
from exporter.config import Settings
from exporter.dora.facts import Project
from exporter.gitlab import (
    Client,
    GitLabError,
    GitLabSource,
    StoppedError,
    discover_group,
    discover_many,
    discover_project,
)
from exporter.instant import microseconds
from exporter.logs import fields
from exporter.store import Discovered, Store

log = logging.getLogger(__name__)

MANY = 10
"""From so many listed projects on, one question for all is cheaper than one for each."""


@dataclass(slots=True)
class _Pause:
    """Calls until an entry that was not found whole is looked for again."""

    length: int
    left: int


class Discovery:
    """Keeps the scope true to the configuration and to GitLab."""

    def __init__(
        self, settings: Settings, client: Client, source: GitLabSource, store: Store, clock: Clock
    ) -> None:
        self._settings = settings
        self._client = client
        self._source = source
        self._store = store
        self._clock = clock
        self._running = Lock()
        self._sources = _sources(settings, client)
        self._fingerprint = _fingerprint(settings)
        self._missing: dict[str, _Pause] = {}

    def run_if_due(self) -> bool:
        """Look again if it is time to, or for what could not be seen last time.

        Returns:
            Whether the scope may have changed.
        """
        with self._running:
            due = self._due()
            if due:
                self._run(due)
            return bool(due)

    def _due(self) -> set[str]:
        """Return the entries of the configuration to look for: all, the missing ones, or none."""
        at, fingerprint = self._store.scope.discovered()
        interval = microseconds(self._settings.poll.discovery_interval.timedelta)
        if at is None or fingerprint != self._fingerprint:
            return set(self._sources)
        # A clock that was set back must not put discovery off until it has caught up.
        if not 0 <= self._clock.now() - at < interval:
            return set(self._sources)
        for pause in self._missing.values():
            pause.left -= 1
        waiting = {name for name, pause in self._missing.items() if pause.left > 0}
        return (self._missing.keys() | self._sources.keys() - self._store.scope.sources()) - waiting

    def _run(self, due: set[str]) -> None:
        at = self._clock.now()
        whole = due == set(self._sources)
        found: dict[str, Discovered | None] = dict.fromkeys(self._sources)
        together = self._many(due)
        for name in sorted(due):
            try:
                found[name] = self._within(together.get(name) or self._sources[name]())
            except StoppedError:
                raise
            except GitLabError as error:
                log.warning(
                    "discovery failed, what was known stays",
                    extra=fields(entry=name, kind=error.kind, error=str(error)),
                )
        self._missing = {
            name: pause for name, pause in self._missing.items() if name not in due
        } | {name: self._pause(name, found[name]) for name in due if not _is_whole(found[name])}
        self._store.scope.save_discovery(
            found, at=at if whole else None, fingerprint=self._fingerprint
        )
        scope = self._store.scope.load()
        log.info(
            "discovery finished",
            extra=fields(
                projects=len(scope.projects), groups=len(scope.groups), failed=len(self._missing)
            ),
        )
        if whole and not self._source.has_overviews():  # which tell it at each poll
            self._read_environments(one for one in scope.projects if one.polled_at is not None)

    def _pause(self, name: str, found: Discovered | None) -> _Pause:
        """Return when to look for an entry again that was not found whole just now."""
        if found is None:  # one request tells, and GitLab may be back
            return _Pause(1, 1)
        # What cannot be read of a list of many pages mostly stays so.
        before = self._missing.get(name)
        length = 2 * before.length if before is not None else 1
        return _Pause(length, length)

    def _many(self, due: set[str]) -> dict[str, Discovered]:
        """Look for listed projects together where they are many; return what was found."""
        entries = [one for one in self._settings.projects if f"project:{one}" in due]
        if len(entries) < MANY:
            return {}
        found = discover_many(self._client, entries)
        return {f"project:{entry}": one for entry, one in found.items()}

    def _within(self, found: Discovered) -> Discovered:
        """Leave out what the configuration excludes."""
        exclude = self._settings.exclude
        return Discovered(
            {
                number: path
                for number, path in found.projects.items()
                if not any(one.search(path) for one in exclude)
            },
            {
                number: path
                for number, path in found.groups.items()
                if not any(one.search(path + "/") for one in exclude)
            },
            whole=found.whole,
        )

    def _read_environments(self, projects: Iterable[Project]) -> None:
        """Learn of environments that were renamed, re-tiered or deleted without a deployment."""
        for project in projects:
            try:
                listed = self._source.environments(project.id)
                self._store.readings.save_environments(project.id, listed, at=self._clock.now())
            except StoppedError:
                raise
            except GitLabError as error:
                # The next poll of the project meets the same trouble, and counts it.
                log.debug("environments of %s cannot be read: %s", project.path, error)


def _is_whole(found: Discovered | None) -> bool:
    return found is not None and found.whole


def _sources(settings: Settings, client: Client) -> dict[str, Callable[[], Discovered]]:
    """Return, by a name for each entry of the configuration, how to look for it."""

    def group(one: int) -> Callable[[], Discovered]:
        entry = settings.groups[one]
        return lambda: discover_group(
            client,
            entry.path,
            include_subgroups=entry.include_subgroups,
            archived=entry.archived,
        )

    def project(one: int) -> Callable[[], Discovered]:
        return lambda: discover_project(client, settings.projects[one])

    return {
        **{f"group:{entry.path}": group(n) for n, entry in enumerate(settings.groups)},
        **{f"project:{entry}": project(n) for n, entry in enumerate(settings.projects)},
    }


def _fingerprint(settings: Settings) -> str:
    """Return a value that changes with what the configuration asks to be in scope."""
    asked = {
        "url": settings.gitlab.url,
        "projects": list(settings.projects),
        "groups": [entry.model_dump(mode="json") for entry in settings.groups],
        "exclude": [one.pattern for one in settings.exclude],
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
