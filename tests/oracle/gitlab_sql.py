"""The numbers of a simulated GitLab by GitLab's own arithmetic, in a real PostgreSQL.

The tables are those GitLab calculates on, as far as the numbers need them. A row a day and
environment is kept in integer columns; answers are sums and continuous percentiles over such
rows. Only the scope and what GitLab tells come from :class:`tests.oracle.brute_force.BruteForce`.

Unlike there, days may be those of any time zone, and a trailing window has rows of its own: it
takes from its first and last day only what lies within.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from tests.oracle.brute_force import BruteForce, Sample, sample
from tests.oracle.question import Question, Series
from tests.postgres import Server

_TABLES = """
CREATE TABLE environments (
    id bigint PRIMARY KEY, project_id bigint NOT NULL, tier text NOT NULL
);
CREATE TABLE deployments (
    id bigint PRIMARY KEY, environment_id bigint NOT NULL, status text NOT NULL,
    finished_at timestamp without time zone
);
CREATE TABLE merge_requests (
    id bigint PRIMARY KEY, target_branch text NOT NULL, author text NOT NULL
);
CREATE TABLE merge_request_metrics (
    merge_request_id bigint PRIMARY KEY, merged_at timestamp without time zone
);
CREATE TABLE deployment_merge_requests (
    deployment_id bigint NOT NULL, merge_request_id bigint NOT NULL,
    PRIMARY KEY (deployment_id, merge_request_id)
);
CREATE TABLE rules (
    include_first boolean, target_branches text[], exclude_authors text[], zone text
);
CREATE TABLE dora_daily_metrics (
    environment_id bigint NOT NULL, date date NOT NULL,
    deployment_frequency integer, lead_time_for_changes_in_seconds integer,
    PRIMARY KEY (environment_id, date)
);

CREATE VIEW successful AS
SELECT
    d.id, d.environment_id, d.finished_at,
    (d.finished_at AT TIME ZONE 'UTC' AT TIME ZONE rules.zone)::date AS date,
    EXISTS (
        SELECT FROM deployments AS previous
        WHERE previous.environment_id = d.environment_id AND previous.status = 'success'
          AND previous.id < d.id AND previous.finished_at <= d.finished_at
    ) AS has_previous
FROM deployments AS d CROSS JOIN rules
WHERE d.status = 'success';

CREATE VIEW changes AS
SELECT
    d.id AS deployment_id, d.environment_id, d.finished_at, d.date,
    EXTRACT(EPOCH FROM GREATEST(d.finished_at - m.merged_at, interval '0')) AS seconds
FROM successful AS d
CROSS JOIN rules
JOIN deployment_merge_requests AS link ON link.deployment_id = d.id
JOIN merge_requests AS mr ON mr.id = link.merge_request_id
JOIN merge_request_metrics AS m ON m.merge_request_id = mr.id
WHERE m.merged_at IS NOT NULL
  AND (rules.include_first OR d.has_previous)
  AND (rules.target_branches = '{}' OR mr.target_branch = ANY (rules.target_branches))
  AND mr.author <> ALL (rules.exclude_authors);
"""

_DAILY = """
INSERT INTO dora_daily_metrics (environment_id, date, deployment_frequency)
SELECT environment_id, date, COUNT(*) FROM successful GROUP BY environment_id, date;

UPDATE dora_daily_metrics AS daily
SET lead_time_for_changes_in_seconds = medians.seconds
FROM (
    SELECT environment_id, date, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY seconds) AS seconds
    FROM changes GROUP BY environment_id, date
) AS medians
WHERE medians.environment_id = daily.environment_id AND medians.date = daily.date;
"""

_ANSWER = """
WITH days AS (
    SELECT generate_series(%(start)s::date, %(end)s::date, interval '1 day')::date AS date
), daily AS (
    SELECT daily.* FROM dora_daily_metrics AS daily
    JOIN environments AS e ON e.id = daily.environment_id
    WHERE e.tier = ANY (%(tiers)s) AND e.project_id = ANY (%(projects)s)
)
SELECT
    CASE %(interval)s
        WHEN 'daily' THEN days.date
        WHEN 'monthly' THEN DATE_TRUNC('month', days.date)::date
        ELSE %(start)s::date
    END AS bucket,
    MIN(days.date) >= %(known_from)s::date AS known,
    COALESCE(SUM(daily.deployment_frequency), 0) AS deployment_frequency,
    PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY daily.lead_time_for_changes_in_seconds)
        AS lead_time_for_changes
FROM days LEFT JOIN daily ON daily.date = days.date
GROUP BY bucket ORDER BY bucket
"""

_WINDOW = """
WITH wanted AS (
    SELECT id FROM environments WHERE tier = %(tier)s AND project_id = ANY (%(projects)s)
), taken AS (
    SELECT * FROM changes
    WHERE environment_id IN (TABLE wanted)
      AND finished_at > %(begin)s AND finished_at <= %(end)s
), daily AS (
    SELECT (PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY seconds))::integer AS median
    FROM taken GROUP BY environment_id, date
)
SELECT
    (SELECT COUNT(*) FROM successful
     WHERE environment_id IN (TABLE wanted)
       AND finished_at > %(begin)s AND finished_at <= %(end)s),
    (SELECT COUNT(*) FROM taken),
    (SELECT ARRAY[
        PERCENTILE_CONT(0.50) WITHIN GROUP (ORDER BY median),
        PERCENTILE_CONT(0.75) WITHIN GROUP (ORDER BY median),
        PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY median)
     ] FROM daily)
"""

_TOTALS = """
SELECT COUNT(*), MAX(EXTRACT(EPOCH FROM finished_at AT TIME ZONE 'UTC'))::double precision
FROM successful
WHERE date >= %(known_from)s AND environment_id IN (
    SELECT id FROM environments WHERE tier = %(tier)s AND project_id = ANY (%(projects)s)
)
"""

Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def gitlab_tables(server: Server) -> Iterator[Connection]:
    """Yield a connection to a new database with GitLab's tables, all empty."""
    url = server.create_database().replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True, row_factory=tuple_row) as connection:
        connection.execute("SET TIME ZONE 'Asia/Tokyo'")  # nothing may depend on it
        connection.execute("SET jit = off")  # it takes longer than these queries
        connection.execute(_TABLES)
        yield connection


class GitLabSql:
    """Expected answers and gauges with ``aggregation: daily_medians``.

    It fills the tables anew.
    """

    def __init__(self, connection: Connection, facts: BruteForce) -> None:
        self._connection = connection
        self._facts = facts
        self._fill()

    def answer(self, question: Question) -> Series:
        """Return the numbers that answer a question."""
        assert question.start is not None
        assert question.end is not None
        members = self._facts.members(question.kind, question.id)
        rows = self._connection.execute(
            _ANSWER,
            {
                "start": question.start,
                "end": question.end,
                "interval": question.interval,
                "tiers": list(question.tiers),
                "projects": list(members),
                "known_from": self._facts.first_day if members else question.start,
            },
        )
        wanted = 2 if question.metric == "deployment_frequency" else 3
        return [(row[0], row[wanted] if row[1] else None) for row in rows]

    def gauges(self) -> dict[Sample, float]:
        """Return every sample of the families of projects and groups."""
        samples: dict[Sample, float] = {}
        for level, number, labels in self._facts.levels():
            members = self._facts.members(level, number)
            for tier in self._facts.tiers_of(members):
                wanted = {"tier": tier, "projects": list(members)}
                self._samples(samples, level, {**labels, "environment_tier": tier}, wanted)
        return samples

    def _samples(
        self,
        samples: dict[Sample, float],
        level: str,
        labels: dict[str, str],
        wanted: dict[str, Any],
    ) -> None:
        def put(name: str, value: float, **more: str) -> None:
            samples[sample(f"gitlab_dora_{level}_{name}", {**labels, **more})] = value

        total, last = self._row(_TOTALS, {**wanted, "known_from": self._facts.first_day})
        put("deployments_total", total)
        if last is not None:
            put("last_deployment_timestamp_seconds", last)
        for prefix, window, begin, end in self._facts.windows():
            span = {"begin": begin.replace(tzinfo=None), "end": end.replace(tzinfo=None)}
            deployments, changes, percentiles = self._row(_WINDOW, {**wanted, **span})
            put(f"{prefix or 'recent_'}deployments", deployments, window=window)
            if not prefix:
                length = (end - begin).total_seconds()
                put("deployment_frequency", deployments * 86400 / length, window=window)
            name = f"{prefix}lead_time_for_changes"
            put(f"{name}_merge_requests", changes, window=window)
            for percent, value in zip((50, 75, 95), percentiles, strict=True):
                if value is not None:
                    put(f"{name}_seconds", value, window=window, percentile=str(percent))

    def _row(self, query: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
        row = self._connection.execute(query, parameters).fetchone()
        assert row is not None
        return row

    def _fill(self) -> None:
        facts, rules = self._facts, self._facts.config["lead_time"]
        linked = {
            each.id: each for one in facts.deployments for each in one.merge_requests
        }.values()
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE environments, deployments, merge_requests, merge_request_metrics,"
                " deployment_merge_requests, rules, dora_daily_metrics"
            )
            cursor.execute(
                "INSERT INTO rules VALUES (%s, %s, %s, %s)",
                (
                    rules["first_deployment"] == "include",
                    list(rules["target_branches"]),
                    list(rules["exclude_authors"]),
                    facts.config["timezone"],
                ),
            )
            cursor.executemany(
                "INSERT INTO environments VALUES (%s, %s, %s)",
                [(one.id, one.project_id, facts.tiers[one.id]) for one in facts.environments],
            )
            cursor.executemany(
                "INSERT INTO deployments VALUES (%s, %s, 'success', %s)",
                [
                    (one.id, one.environment_id, one.finished_at.replace(tzinfo=None))
                    for one in facts.deployments
                ],
            )
            cursor.executemany(
                "INSERT INTO merge_requests VALUES (%s, %s, %s)",
                [(one.id, one.target_branch, one.author) for one in linked],
            )
            cursor.executemany(
                "INSERT INTO merge_request_metrics VALUES (%s, %s)",
                [(one.id, one.merged_at and one.merged_at.replace(tzinfo=None)) for one in linked],
            )
            cursor.executemany(
                "INSERT INTO deployment_merge_requests VALUES (%s, %s)",
                [(one.id, each.id) for one in facts.deployments for each in one.merge_requests],
            )
            cursor.execute(_DAILY)
