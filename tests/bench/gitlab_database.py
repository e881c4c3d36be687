"""A PostgreSQL with the tables and indexes that GitLab's DORA queries run over, and the queries.

Two ways to the same numbers: from the daily rows that GitLab keeps for each environment, and from
the deployments and their merge requests themselves. Tables have only the columns that are asked
for, and rows as few bytes, so PostgreSQL has less to read than in a real GitLab.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Literal

import psycopg
from sqlalchemy import make_url

from tests.bench.fleet import GROUP_ID, SUBGROUPS, Fleet, Integers

Source = Literal["daily rows", "deployments"]

_PRODUCTION, _STAGING = 0, 1
_SUCCESS = 2

_TABLES = """
CREATE TABLE namespaces (id bigint PRIMARY KEY, traversal_ids int[] NOT NULL);
CREATE TABLE projects (id bigint PRIMARY KEY, namespace_id bigint NOT NULL);
CREATE TABLE environments (
    id bigint PRIMARY KEY, project_id bigint NOT NULL, name text NOT NULL, tier smallint
);
CREATE TABLE deployments (
    id bigint PRIMARY KEY, project_id bigint NOT NULL, environment_id bigint NOT NULL,
    status smallint NOT NULL, finished_at timestamp
);
CREATE TABLE merge_request_metrics (
    id bigint PRIMARY KEY, merge_request_id bigint NOT NULL, merged_at timestamp
);
CREATE TABLE deployment_merge_requests (
    deployment_id bigint, merge_request_id bigint, environment_id bigint,
    PRIMARY KEY (deployment_id, merge_request_id)
);
CREATE TABLE dora_daily_metrics (
    id bigserial PRIMARY KEY, environment_id bigint NOT NULL, date date NOT NULL,
    deployment_frequency integer, lead_time_for_changes_in_seconds integer
);
"""

_INDEXES = """
CREATE INDEX ON namespaces USING gin (traversal_ids);
CREATE INDEX ON projects (namespace_id, id);
CREATE INDEX ON environments (project_id, tier);
CREATE INDEX ON environments (tier, project_id);
CREATE INDEX ON deployments (environment_id, status, finished_at);
CREATE INDEX ON deployments (finished_at);
CREATE UNIQUE INDEX ON merge_request_metrics (merge_request_id);
CREATE INDEX ON deployment_merge_requests (merge_request_id);
CREATE UNIQUE INDEX ON dora_daily_metrics (environment_id, date);
"""

# What GitLab's background job writes for each environment and day.
_DAILY_ROWS = f"""
INSERT INTO dora_daily_metrics
    (environment_id, date, deployment_frequency, lead_time_for_changes_in_seconds)
SELECT d.environment_id, d.finished_at::date, count(DISTINCT d.id),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM d.finished_at - m.merged_at))
FROM deployments d
LEFT JOIN deployment_merge_requests l ON l.deployment_id = d.id
LEFT JOIN merge_request_metrics m ON m.merge_request_id = l.merge_request_id
WHERE d.status = {_SUCCESS}
GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - constants only, here and below

_ENVIRONMENTS = f"""
    SELECT environments.id FROM environments
    WHERE environments.tier = {_PRODUCTION} AND environments.project_id IN (
        SELECT projects.id FROM projects WHERE projects.namespace_id IN (
            SELECT namespaces.id FROM namespaces
            WHERE namespaces.traversal_ids @> ARRAY[%(group)s::int]
        )
    )
"""  # noqa: S608

_NUMBERS: dict[tuple[Source, str], str] = {
    ("daily rows", "deployment_frequency"): "sum(deployment_frequency)",
    ("daily rows", "lead_time_for_changes"): (
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY lead_time_for_changes_in_seconds)"
    ),
    ("deployments", "deployment_frequency"): "count(*)",
    ("deployments", "lead_time_for_changes"): (
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - merged_at))"
    ),
}


class GitLabDatabase:
    """Answers the questions of the DORA API from a PostgreSQL database, over its own socket."""

    def __init__(self, url: str) -> None:
        parts = make_url(url)
        self._connection = psycopg.connect(
            host=str(parts.query["host"]),
            user=parts.username,
            password=parts.password,
            dbname=parts.database,
            autocommit=True,
        )
        # With room to sort in memory: the default would spill to files.
        for setting in ("work_mem = '64MB'", "timezone = 'UTC'"):
            self._connection.execute(f"SET {setting}".encode())

    @property
    def version(self) -> int:
        """The major version of the server."""
        return self._connection.info.server_version // 10_000

    def fill(self, fleet: Fleet) -> None:
        """Create the tables and put the facts in."""
        self._connection.execute(_TABLES.encode())
        ids = range(1, fleet.projects + 1)
        groups = [(GROUP_ID, [GROUP_ID])]
        groups += [(GROUP_ID + 1 + one, [GROUP_ID, GROUP_ID + 1 + one]) for one in range(SUBGROUPS)]
        self._copy("namespaces (id, traversal_ids)", groups)
        self._copy("projects (id, namespace_id)", ((p, GROUP_ID + 1 + p % SUBGROUPS) for p in ids))
        self._copy(
            "environments (id, project_id, name, tier)",
            (
                (one.id, project, one.name, _PRODUCTION if one.tier == "production" else _STAGING)
                for project in ids
                for one in fleet.environments_of(project)
            ),
        )
        environments = fleet.environments.tolist()
        self._copy(
            "deployments (id, project_id, environment_id, status, finished_at)",
            (
                (number, (environment + 1) // 2, environment, _SUCCESS, finished)
                for number, (environment, finished) in enumerate(
                    zip(environments, _timestamps(fleet.finished), strict=True), start=1
                )
            ),
        )
        self._copy(
            "merge_request_metrics (id, merge_request_id, merged_at)",
            (
                (number, number, merged)
                for number, merged in enumerate(_timestamps(fleet.merged), start=1)
            ),
        )
        self._copy(
            "deployment_merge_requests (deployment_id, merge_request_id, environment_id)",
            (
                (deployment, number, environments[deployment - 1])
                for number, deployment in enumerate(fleet.linked_to.tolist(), start=1)
            ),
        )
        for statement in (_INDEXES, _DAILY_ROWS, "VACUUM ANALYZE"):
            self._connection.execute(statement.encode())

    def ask(
        self, source: Source, metric: str, interval: str, start: date, end: date
    ) -> list[tuple[date | None, Any]]:
        """Return the rows that GitLab's own query gives: a bucket and its number."""
        statement = _statement(source, metric, interval)
        parameters = {"group": GROUP_ID, "start": start, "end": end + _last_day_of(source)}
        with self._connection.cursor(binary=True) as cursor:
            cursor.execute(statement, parameters, prepare=True)
            return cursor.fetchall()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _copy(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy,
        ):
            for row in rows:
                copy.write_row(row)


def _statement(source: Source, metric: str, interval: str) -> bytes:
    number = _NUMBERS[source, metric]
    if source == "daily rows":
        day = "date"
        rows = "dora_daily_metrics WHERE date BETWEEN %(start)s AND %(end)s"
    else:
        day = "finished_at::date"
        rows = "deployments"
        if metric == "lead_time_for_changes":
            rows += """
                JOIN deployment_merge_requests l ON l.deployment_id = deployments.id
                JOIN merge_request_metrics m ON m.merge_request_id = l.merge_request_id"""
        rows += f"""
            WHERE status = {_SUCCESS}
            AND finished_at >= %(start)s::timestamp AND finished_at < %(end)s::timestamp"""
    # Links of merge requests have a column of the same name.
    owner = "deployments.environment_id" if source == "deployments" else "environment_id"
    within = f"{rows} AND {owner} IN ({_ENVIRONMENTS})"
    if interval == "all":
        return f"SELECT NULL::date, {number} FROM {within}".encode()  # noqa: S608
    bucket = day if interval == "daily" else f"date_trunc('month', {day})::date"
    query = f"SELECT {bucket} AS bucket, {number} FROM {within} GROUP BY 1 ORDER BY 1"  # noqa: S608
    return query.encode()


def _last_day_of(source: Source) -> timedelta:
    """Return what to add to the last day, which daily rows include and instants do not."""
    return timedelta(days=0 if source == "daily rows" else 1)


def _timestamps(instants: Integers) -> list[str]:
    return [str(one) for one in instants.astype("datetime64[us]")]
