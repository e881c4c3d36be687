"""The exporter as a process on a database of its own, and everything it stores and answers."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from exporter.dora.tiers import TIERS
from exporter.simulator import DEFAULT_TOKEN, World
from tests.process import ANY_PORT, Running, started

METRICS = ("deployment_frequency", "lead_time_for_changes")

_READ_AT = {
    "projects": {"polled_at", "environments_read_at", "covered_since", "revision"},
    "deployments": {"links_read_at"},
}
"""Columns that tell when something was read, or in which order; the history begins on a day that
depends on it."""

Answers = dict[str, Any]
Dump = dict[str, list[tuple[Any, ...]]]


def write_config(folder: Path, url: str, **changes: Mapping[str, Any]) -> None:
    """Write the configuration of an exporter for the group ``acme`` into a folder."""
    config: dict[str, Any] = {
        "gitlab": {"url": url, "token": DEFAULT_TOKEN, "max_requests_per_second": 1000},
        "groups": [{"path": "acme", "archived": True}],
        "poll": {"interval": "1s", "history": "900d", "retention": "900d"},
        # All of it, so that a few seconds more or less between two runs change nothing.
        "windows": ["800d"],
        "lead_time": {"first_deployment": "include"},
        "store": {"url": f"sqlite:///{folder / 'dora.db'}"},
        "api": {"auth": "none"},
    }
    for section, content in changes.items():
        config[section] = {**config.get(section, {}), **content}
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """Run the exporter that is configured in a folder."""
    arguments = ("run", "--config.file", folder / "config.yaml", *ANY_PORT)
    with started(arguments, folder=folder) as exporter:
        yield exporter


def read_answers(url: str, world: World, start: date, end: date) -> Answers:
    """Return every answer over a closed range of days, and the numbers of ``/metrics``."""
    answers: Answers = {}
    containers = [
        *(f"projects/{number}" for number in world.projects),
        *(f"groups/{number}" for number in world.groups),
    ]
    with requests.Session() as session:
        for path in containers:
            for tier in TIERS:
                for metric in METRICS:
                    asked = {
                        "metric": metric,
                        "environment_tier": tier,
                        "start_date": start.isoformat(),
                        "end_date": end.isoformat(),
                    }
                    answer = session.get(f"{url}/{path}/dora/metrics", params=asked, timeout=30)
                    answers[f"{path} {tier} {metric}"] = (answer.status_code, answer.json())
        text = session.get(f"{url}/metrics", timeout=30).text
    for family in text_string_to_metric_families(text):
        if family.name.startswith(("gitlab_dora_project_", "gitlab_dora_group_")):
            for sample in family.samples:
                labels = sorted(sample.labels.items())
                answers[f"{sample.name} {labels}"] = sample.value
    return answers


def read_store(folder: Path) -> Dump:
    """Return every row of every table, but for when things were read."""
    with closing(sqlite3.connect(folder / "dora.db")) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        dump = {}
        for (table,) in tables:
            rows = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - a table's name
            kept = [
                number
                for number, column in enumerate(rows.description)
                if column[0] not in _READ_AT.get(table, ())
            ]
            found = [tuple(row[number] for number in kept) for row in rows]
            dump[table] = sorted(found, key=repr)
        # Where nothing was ever deployed, the next poll asks from the beginning of the history.
        quiet = "id NOT IN (SELECT project_id FROM deployments)"
        idle = {one for (one,) in connection.execute(f"SELECT id FROM projects WHERE {quiet}")}  # noqa: S608
    dump["projects"] = [(*row[:2], *row[3:]) if row[0] in idle else row for row in dump["projects"]]
    noted = {"polled_at", "discovered_at", "revision"}
    dump["state"] = [row for row in dump["state"] if row[0] not in noted]
    return dump


def assert_whole(folder: Path) -> None:
    """Check that a store contradicts itself nowhere."""
    with closing(sqlite3.connect(folder / "dora.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        counted = connection.execute(
            "SELECT id, sum(deployments) FROM counters WHERE kind = 'project' GROUP BY id"
        ).fetchall()
        stored = connection.execute(
            "SELECT project_id, count(*) FROM deployments GROUP BY project_id"
        ).fetchall()
        assert sorted(counted) == sorted(stored)
