"""What is in scope: the projects and groups that discovery found, and when it last looked."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Select, delete, func, select, update

from exporter.dora.facts import Group, Project
from exporter.instant import Instant
from exporter.store import schema
from exporter.store.engine import Database
from exporter.store.upsert import upsert


@dataclass(frozen=True, slots=True)
class Discovered:
    """What one entry of the configuration (a project or a group) stands for in GitLab."""

    projects: Mapping[int, str]
    groups: Mapping[int, str]
    """Full paths by id."""
    whole: bool = True
    """Whether that is all: if not, what the entry stood for before stays."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The projects and groups that are polled and shown."""

    projects: tuple[Project, ...]
    groups: tuple[Group, ...]

    def groups_above(self, project: Project) -> tuple[Group, ...]:
        """Return the groups in scope that hold the project."""
        return tuple(group for group in self.groups if group.holds(project))


class ScopeStore:
    """The scope, and the exporter's notes about its own rounds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_discovery(
        self, found: Mapping[str, Discovered | None], *, at: Instant | None, fingerprint: str
    ) -> None:
        """Replace the scope by what each entry of the configuration stands for.

        Args:
            found: by entry; None keeps what the entry stood for before, because GitLab could not
                say. Entries that are not named leave the scope.
            at: when discovery began, None if it did not look for all entries.
            fingerprint: of the configuration that the scope was made from.
        """
        with self._database.writing() as connection:
            connection.execute(
                delete(schema.members).where(schema.members.c.source.not_in(list(found)))
            )
            for source, content in found.items():
                if content is not None:
                    _replace_members(connection, source, content)
            _count_new_groups(connection)
            if at is not None:
                self._note(connection, "discovered_at", str(at))
            self._note(connection, "scope", fingerprint)

    def load(self) -> Scope:
        """Return the projects and groups in scope, ordered by path."""
        with self._database.reading() as connection:
            projects = connection.execute(
                select(
                    schema.projects.c.id,
                    schema.projects.c.path,
                    schema.projects.c.covered_since,
                    schema.projects.c.polled_at,
                    schema.projects.c.complete,
                )
                .where(schema.projects.c.id.in_(_members("project")))
                .order_by(schema.projects.c.path)
            )
            groups = connection.execute(
                select(schema.groups.c.id, schema.groups.c.path)
                .where(schema.groups.c.id.in_(_members("group")))
                .order_by(schema.groups.c.path)
            )
            return Scope(
                tuple(Project(*row) for row in projects), tuple(Group(*row) for row in groups)
            )

    def discovered(self) -> tuple[Instant | None, str | None]:
        """Return when discovery last ran and the fingerprint of what it ran for."""
        at, fingerprint = self._notes("discovered_at", "scope")
        return (int(at) if at else None), fingerprint

    def sources(self) -> set[str]:
        """Return the entries of the configuration that GitLab could tell what they stand for."""
        with self._database.reading() as connection:
            return set(connection.execute(select(schema.members.c.source).distinct()).scalars())

    def save_poll(self, at: Instant, project_ids: Collection[int]) -> None:
        """Note that a poll that began at ``at`` is complete, and all of these projects known to it.

        From here on the numbers include what the poll brought.
        """
        projects = schema.projects
        with self._database.writing() as connection:
            connection.execute(
                update(projects).where(projects.c.id.in_(list(project_ids))).values(polled_at=at)
            )
            self._note(connection, "polled_at", str(at))

    def polled(self) -> Instant | None:
        """Return the start of the last complete poll, None before the first."""
        (at,) = self._notes("polled_at")
        return int(at) if at else None

    def rename_project(self, project_id: int, path: str) -> None:
        """Note the full path of a project that moved or was renamed."""
        with self._database.writing() as connection:
            connection.execute(
                update(schema.projects).where(schema.projects.c.id == project_id).values(path=path)
            )

    def _notes(self, *keys: str) -> list[str | None]:
        with self._database.reading() as connection:
            rows = connection.execute(
                select(schema.state.c.key, schema.state.c.value).where(schema.state.c.key.in_(keys))
            )
            values: dict[str, str] = {key: value for key, value in rows}  # noqa: C416
            return [values.get(key) for key in keys]

    @staticmethod
    def _note(connection: Connection, key: str, value: str) -> None:
        upsert(connection, schema.state, [{"key": key, "value": value}], ["value"])


def _members(kind: str) -> Select[tuple[int]]:
    return select(schema.members.c.id).where(schema.members.c.kind == kind)


def _replace_members(connection: Connection, source: str, content: Discovered) -> None:
    if content.whole:
        connection.execute(delete(schema.members).where(schema.members.c.source == source))
    upsert(
        connection,
        schema.projects,
        ({"id": one, "path": path, "complete": False} for one, path in content.projects.items()),
        ["path"],
    )
    upsert(
        connection,
        schema.groups,
        ({"id": one, "path": path} for one, path in content.groups.items()),
        ["path"],
    )
    # The entry itself too: also what stands for nothing has been looked for.
    for kind, ids in (("entry", (0,)), ("project", content.projects), ("group", content.groups)):
        rows = ({"source": source, "kind": kind, "id": one} for one in ids)
        upsert(connection, schema.members, rows)


def _count_new_groups(connection: Connection) -> None:
    """Let the counters of a group that comes into scope begin with those of its projects."""
    counters, groups, projects = schema.counters, schema.groups, schema.projects
    counted = select(counters.c.id).where(counters.c.kind == "group")
    above = func.lower(groups.c.path) + "/"
    # No LIKE: an underscore in a path would match anything.
    inside = func.substr(func.lower(projects.c.path), 1, func.length(above)) == above
    rows = connection.execute(
        select(groups.c.id, counters.c.tier, func.sum(counters.c.deployments))
        .join_from(groups, projects, inside)
        .join(counters, (counters.c.kind == "project") & (counters.c.id == projects.c.id))
        .where(groups.c.id.in_(_members("group")), groups.c.id.not_in(counted))
        .where(projects.c.id.in_(_members("project")))
        .group_by(groups.c.id, counters.c.tier)
    ).all()
    if rows:
        connection.execute(
            counters.insert(),
            [
                {"kind": "group", "id": group, "tier": tier, "deployments": int(total)}
                for group, tier, total in rows
            ],
        )
