"""Checks of the configured projects and groups: whether they are there, and what they bring."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from exporter.config import GroupScope, Settings
from exporter.doctor.finding import Finding
from exporter.doctor.kinds import Kind
from exporter.gitlab.errors import (
    INSUFFICIENT_SCOPE,
    ForbiddenError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    TransientError,
    UnauthorizedError,
)
from exporter.gitlab.inspection import Inspection, ProjectFacts

MOST_FAILURES = 3
"""Times that GitLab may fail until it is not asked any more: each costs some tries."""


@dataclass(slots=True)
class Scope:
    """What is polled: paths by the id of each project, and what is known of listed ones."""

    paths: dict[int, str] = field(default_factory=dict)
    listed: dict[int, ProjectFacts] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    """Paths of all projects, also of those that are left out."""
    failures: int = 0
    """Entries that GitLab failed to tell of."""

    def chosen(self, most: int) -> list[int]:
        """Return ids of as many projects as may be looked at: listed ones, then evenly spread."""
        others = sorted(self.paths.keys() - self.listed.keys())
        room = max(0, most - len(self.listed))
        step = max(1.0, len(others) / room) if room else 0.0
        spread = [others[int(n * step)] for n in range(min(room, len(others)))]
        return [*self.listed, *spread][:most]


def check_scope(
    inspection: Inspection, settings: Settings, advance: Callable[[], None]
) -> tuple[Scope, list[Finding]]:
    """Look for all that is to be polled, and call ``advance`` after each entry.

    Raises:
        GitLabError: if GitLab refuses the token, or fails several times.
    """
    scope = Scope()
    found: list[Finding] = []
    for entry in settings.projects:
        check = partial(_check_project, inspection, settings, entry, scope)
        found += _checked(f"project {entry}", check, scope, Kind.PROJECT_MISSING)
        advance()
    for group in settings.groups:
        check = partial(_check_group, inspection, settings, group, scope)
        found += _checked(f"group {group.path}", check, scope, Kind.GROUP_MISSING)
        advance()
    return scope, [*found, *_unused(settings, scope)]


def _checked(
    subject: str, check: Callable[[str], list[Finding]], scope: Scope, missing: Kind
) -> list[Finding]:
    """Check one entry; one that cannot be read hides no other."""
    try:
        return check(subject)
    except (UnauthorizedError, RateLimitedError):
        raise
    except ForbiddenError as error:
        if INSUFFICIENT_SCOPE in str(error):
            raise
        return [Finding.of(missing, subject, f"GitLab refuses it ({error})")]
    except (RefusedError, TransientError) as error:
        scope.failures += 1
        if scope.failures >= MOST_FAILURES:
            raise
        return [Finding.of(Kind.GITLAB_FAILS, subject, str(error))]


def _check_project(
    inspection: Inspection, settings: Settings, entry: str | int, scope: Scope, subject: str
) -> list[Finding]:
    try:
        facts = inspection.project(entry)
    except NotFoundError:
        if isinstance(entry, str) and inspection.is_group(entry):
            return [Finding.of(Kind.PROJECT_IS_GROUP, subject, "it is a group")]
        what = "it does not exist, or the token may not see it (404)"
        return [Finding.of(Kind.PROJECT_MISSING, subject, what)]
    scope.seen.add(facts.path)
    excluding = _excluding(settings, facts.path)
    if excluding is not None:
        what = f"the expression {excluding!r} of exclude leaves it out"
        return [Finding.of(Kind.PROJECT_EXCLUDED, subject, what)]
    scope.paths[facts.id] = facts.path
    scope.listed[facts.id] = facts
    found = []
    if isinstance(entry, str) and entry.lower() != facts.path.lower():
        found.append(Finding.of(Kind.PROJECT_MOVED, subject, f"it is {facts.path} by now"))
    if facts.archived:
        found.append(Finding.of(Kind.PROJECT_ARCHIVED, subject, "it is archived"))
    return found


def _check_group(
    inspection: Inspection, settings: Settings, group: GroupScope, scope: Scope, subject: str
) -> list[Finding]:
    try:
        brought = inspection.projects_of(
            group.path, include_subgroups=group.include_subgroups, archived=group.archived
        )
    except NotFoundError:
        may_be = isinstance(group.path, str) and "/" in group.path
        if may_be and inspection.is_project(group.path):
            return [Finding.of(Kind.GROUP_IS_PROJECT, subject, "it is a project")]
        what = "it does not exist, or the token may not see it (404)"
        return [Finding.of(Kind.GROUP_MISSING, subject, what)]
    scope.seen |= set(brought.values())
    kept = {number: path for number, path in brought.items() if not _excluding(settings, path)}
    scope.paths |= kept
    if kept:
        return []
    if brought:
        what = f"exclude leaves out all of its projects ({len(brought)})"
        return [Finding.of(Kind.ALL_EXCLUDED, subject, what)]
    if not group.archived and inspection.has_archived_projects(group.path):
        return [Finding.of(Kind.GROUP_ARCHIVED, subject, "all of its projects are archived")]
    below = "" if group.include_subgroups else " itself, and its subgroups are left out"
    return [Finding.of(Kind.GROUP_EMPTY, subject, f"the token sees no project in it{below}")]


def _excluding(settings: Settings, path: str) -> str | None:
    return next((one.pattern for one in settings.exclude if one.search(path)), None)


def _unused(settings: Settings, scope: Scope) -> list[Finding]:
    if scope.failures or not scope.seen:
        return []
    return [
        Finding.of(Kind.EXCLUDE_UNUSED, "exclude", f"{one.pattern!r} matches no project")
        for one in settings.exclude
        if not any(one.search(path) for path in scope.seen)
    ]
