"""Values that are right one by one and wrong together are refused in plain words."""

from typing import Any

import pytest

from tests.helm.engine import RefusedError, render
from tests.helm.value_sets import MINIMAL, VALUE_SETS, minimal, only

GROUPS: dict[str, Any] = {"groups": ["acme"]}
POSTGRESQL = {"enabled": True, "host": "db"}
IN_CONFIG = "postgresql+psycopg://db/dora"

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing given": ({}, "config: nothing to poll is given"),
    "no token": ({"config": GROUPS}, "token: no token is given; set token.existingSecret"),
    "no scope": ({"token": {"value": "x"}}, "set config.groups or config.projects"),
    "two tokens": (
        minimal(token={"value": "x", "existingSecret": "y"}),
        "token: keep one of token.value, token.existingSecret",
    ),
    "two tokens, one in config": (
        minimal(config={**GROUPS, "gitlab": {"token": "${TOKEN}"}}),
        "token: keep one of",
    ),
    "two webhook secrets": (
        minimal(webhookSecret={"value": "x" * 16, "existingSecret": "y"}),
        "webhookSecret: keep one of",
    ),
    "two bundles": (
        minimal(caBundle={"existingConfigMap": "x", "existingSecret": "y"}),
        "caBundle: keep one of",
    ),
    "SQLite for two": (
        minimal(replicaCount=2),
        "replicaCount: 2 pods cannot share a SQLite database; set it to 1, or use PostgreSQL",
    ),
    "SQLite for two, without a volume": (
        minimal(replicaCount=2, persistence={"enabled": False}),
        "replicaCount: 2 pods cannot share a SQLite database",
    ),
    "SQLite in config for three": (
        minimal(replicaCount=3, config={**GROUPS, "store": {"url": "sqlite:////data/x.db"}}),
        "replicaCount: 3 pods cannot share a SQLite database",
    ),
    "SQLite for the old pod and the new": (
        minimal(strategy={"type": "RollingUpdate"}),
        "strategy: RollingUpdate would let two pods share a SQLite database",
    ),
    "two stores": (
        minimal(postgresql=POSTGRESQL, config={**GROUPS, "store": {"url": IN_CONFIG}}),
        "postgresql: keep one of postgresql.enabled and config.store.url",
    ),
    "no host": (minimal(postgresql={"enabled": True}), "postgresql.host: is missing"),
    "host and URL": (
        minimal(postgresql={**POSTGRESQL, "existingSecret": "x", "urlKey": "url"}),
        "postgresql: keep one of postgresql.host and postgresql.urlKey",
    ),
    "URL of no secret": (
        minimal(postgresql={"enabled": True, "urlKey": "url"}),
        "postgresql.existingSecret: is missing",
    ),
    "two passwords": (
        minimal(postgresql={**POSTGRESQL, "password": "x", "existingSecret": "y"}),
        "postgresql: keep one of postgresql.password and postgresql.existingSecret",
    ),
    "two web configurations": (
        minimal(web={"config": {"http_server_config": {}}, "existingSecret": "x"}),
        "web: keep one of web.config and web.existingSecret",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_contradicts_itself_is_refused(name: str) -> None:
    values, message = WRONG[name]
    with pytest.raises(RefusedError) as refused:
        render(values)
    assert message in str(refused.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(RefusedError) as refused:
        render({"replicaCount": 2})
    for message in ("config: nothing", "token: no token", "replicaCount: 2 pods"):
        assert message in str(refused.value)


def test_no_refusal_shows_a_secret() -> None:
    secret = "glpat-not-to-be-shown"
    with pytest.raises(RefusedError) as refused:
        render(minimal(token={"value": secret, "existingSecret": "x"}))
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["postgresql", "postgresql-existing-secret", "postgresql-url", "postgresql-in-config"]
)
def test_postgresql_serves_many(name: str) -> None:
    manifests = render(VALUE_SETS[name])
    deployment = only(manifests, "Deployment")["spec"]
    assert deployment["replicas"] > 1
    assert deployment["strategy"]["type"] == "RollingUpdate"
    assert "PersistentVolumeClaim" not in {one["kind"] for one in manifests}


def test_sqlite_pods_are_replaced_one_after_the_other() -> None:
    assert only(render(MINIMAL), "Deployment")["spec"]["strategy"] == {"type": "Recreate"}
