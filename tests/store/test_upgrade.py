"""Databases of former versions, with facts in them, are brought up to date."""

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from exporter.store import Store
from exporter.store.engine import MIGRATIONS
from tests.store.facts import APP, link, linked_to, save, seen, stored

FACTS = """
INSERT INTO state VALUES ('polled_at', '86400000000'), ('term', '3');
INSERT INTO projects
(id, path, cursor, covered_since, complete, polled_at, environments_read_at)
VALUES (1, 'top/app', 86400000000, 0, true, 86400000000, NULL);
INSERT INTO members VALUES ('all', 'project', 1);
INSERT INTO environments VALUES (101, 1, 'production', 'production', true, NULL);
INSERT INTO deployments
VALUES (1, 1, 101, 1, 'main', '5ad', 1, 2, 'deployment', true, 2, 3);
INSERT INTO merge_requests VALUES (1, 7, 1, 'main', 'ada');
INSERT INTO deployment_merge_requests VALUES (1, 7);
INSERT INTO counters VALUES ('project', 1, 'production', 1);
"""

EARLIER = ("0002", "0001")
"""Revisions of the schema: before links had methods, and before replicas."""


@pytest.mark.parametrize("revision", EARLIER)
def test_a_database_of_an_earlier_version_keeps_its_facts(store_url: str, revision: str) -> None:
    engine = create_engine(store_url)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        columns = inspect(connection).get_columns("deployment_merge_requests")
        assert "method" not in {one["name"] for one in columns}
        for statement in FACTS.split(";")[:-1]:
            connection.execute(text(statement))
    engine.dispose()
    with Store.open(store_url) as store:
        assert store.scope.polled() == 86_400_000_000
        assert [one.path for one in store.scope.load().projects] == ["top/app"]
        assert linked_to(stored(store)) == {1: {7}}
        assert store.history.counters() == {("project", APP, "production"): 1}
        assert store.revisions.since(0) == (0, set())
        save(store, [seen(2, 5)])
        link(store, {2: [8]})
        assert store.revisions.since(0)[1] == {APP}
        assert linked_to(stored(store)) == {1: {7}, 2: {8}}
        # GitLab told all links of former versions.
        linked = store.provenance.deployments([APP], 0, 10)
        assert {each.found_by for one in linked for each in one.merge_requests} == {"gitlab"}
    with Store.open(store_url) as store:
        assert store.leadership.hold()
        assert store.leadership.term == (4 if store.shared else None)


def test_each_earlier_schema_has_its_test_here() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    _newest, *earlier = ScriptDirectory.from_config(config).walk_revisions()
    assert [one.revision for one in earlier] == [*EARLIER]
