"""Wrong values are refused before anything is installed, by the schema."""

from typing import Any

import pytest

from tests.helm.engine import RefusedError, render
from tests.helm.value_sets import MINIMAL

# Each a path into the values, a wrong value, and a word of the message.
WRONG: list[tuple[str, Any, str]] = [
    ("replicas", 1, "replicas"),
    ("replicaCount", "1", "replicaCount"),
    ("replicaCount", -1, "replicaCount"),
    ("image.repositry", "x", "repositry"),
    ("image.repository", "", "repository"),
    ("image.tag", 1.5, "tag"),
    ("image.digest", "sha256:12", "digest"),
    ("image.pullPolicy", "Sometimes", "pullPolicy"),
    ("imagePullSecrets", ["my-registry"], "imagePullSecrets"),
    ("nameOverride", "Not_A_Name", "nameOverride"),
    ("commonLabels", {"number": 1}, "commonLabels"),
    ("config", "gitlab:", "config"),
    ("config.gitlab.urll", "https://gitlab.com", "urll"),
    ("config.gitlab.url", "gitlab.com", "url"),
    ("config.gitlab.url", "https://user:password@gitlab.com", "url"),
    ("config.gitlab.token", "glpat-in-a-config-map", "token"),
    ("config.gitlab.token", "${TOKEN}x", "token"),
    ("config.gitlab.concurrency", 0, "concurrency"),
    ("config.gitlab.rate_limit_reserve", 1, "rate_limit_reserve"),
    ("config.gitlab.ssl_verify", "maybe", "ssl_verify"),
    ("config.groups", "acme", "groups"),
    ("config.groups", [{"include_subgroups": True}], "groups"),
    ("config.groups", [{"path": "acme", "archive": True}], "groups"),
    ("config.projects", ["no-slash"], "projects"),
    ("config.poll.intervall", "5m", "intervall"),
    ("config.poll.interval", "5 minutes", "interval"),
    ("config.poll.interval", 300, "interval"),
    ("config.poll.interval", "5m1h", "interval"),
    ("config.environments.tier_overrides", [{"match": "x", "tier": "prod"}], "tier_overrides"),
    ("config.lead_time.aggregation", "mean", "aggregation"),
    ("config.windows", [], "windows"),
    ("config.metrics.percentiles", [100], "percentiles"),
    ("config.metrics.levels", ["team"], "levels"),
    ("config.webhook.secret", "a-secret-in-a-config-map", "secret"),
    ("config.store.url", "sqlite:///in-the-image.db", "url"),
    ("config.store.url", "mysql://db/dora", "url"),
    ("config.store.url", "postgresql+psycopg://dora:password@db/dora", "url"),
    ("config.store.url", "postgresql+psycopg://db/dora?user=dora&password=password", "url"),
    ("config.api.auth", "basic", "auth"),
    ("config.api.cors_origins", "https://example.com", "cors_origins"),
    ("config.colour", "red", "colour"),
    ("token.value", "two words", "value"),
    ("token.secretName", "gitlab-token", "secretName"),
    ("token.key", "", "key"),
    ("webhookSecret.value", "too-short", "value"),
    ("caBundle.existingConfigMap", "Not_A_Name", "existingConfigMap"),
    ("persistence.size", "1 GB", "size"),
    ("persistence.accessModes", ["ReadOnlyMany"], "accessModes"),
    ("persistence.enabled", "yes", "enabled"),
    ("postgresql.port", 0, "port"),
    ("postgresql.username", "dora:password", "username"),
    ("postgresql.parameters", {"password": "x"}, "parameters"),
    ("web.port", 70000, "port"),
    ("web.host", "0.0.0.0:80", "host"),
    ("web.scheme", "ftp", "scheme"),
    ("web.config.basic_auth_users", {"prometheus": "a-plain-password"}, "basic_auth_users"),
    ("web.config.tls_config", {}, "tls_config"),
    ("web.config.tls_server_config", {"certfile": "x"}, "certfile"),
    ("log.level", "loud", "level"),
    ("log.format", "xml", "format"),
    ("extraArgs", "--log.level=debug", "extraArgs"),
    ("extraEnv", {"NAME": "value"}, "extraEnv"),
    ("strategy.type", "BlueGreen", "strategy"),
    ("terminationGracePeriodSeconds", 5, "terminationGracePeriodSeconds"),
    ("resources.limit", {"memory": "1Gi"}, "limit"),
    ("livenessProbe.handler", {"httpGet": {}, "exec": {}}, "handler"),
    ("readinessProbe.httpGet", {"path": "/"}, "httpGet"),
    ("startupProbe.periodSeconds", 0, "periodSeconds"),
    ("service.type", "ExternalName", "type"),
    ("service.ipFamilies", ["IPv5"], "ipFamilies"),
    ("ingress.hosts", ["dora.example.com"], "hosts"),
    ("ingress.hosts", [{"host": "dora.example.com", "paths": ["api"]}], "hosts"),
    ("serviceMonitor.interval", "1 minute", "interval"),
    ("serviceMonitor.additionalLabels", {}, "additionalLabels"),
    ("scrapeAnnotations", True, "scrapeAnnotations"),
    ("prometheusRule.disabledAlerts", ["GitLabDoraNoSuchAlert"], "disabledAlerts"),
    ("prometheusRule.extraGroups", [{"name": "without rules"}], "extraGroups"),
    ("dashboards.label", "", "label"),
    ("networkPolicy.egress.gitlabPorts", ["https"], "gitlabPorts"),
    ("podDisruptionBudget.maxUnavailable", "half", "maxUnavailable"),
    ("serviceAccount.automount", True, "automount"),
    ("podLabels", ["team"], "podLabels"),
    ("extraManifests", [{"kind": "ConfigMap"}], "extraManifests"),
    ("tests", {"enable": True}, "enable"),
]


def with_value(path: str, value: object) -> dict[str, Any]:
    """The least values, with one in its place."""
    first, *rest = path.split(".")
    values: dict[str, Any] = {**MINIMAL}
    if not rest:
        return {**values, first: value}
    values[first] = dict(values.get(first, {}))
    place = values[first]
    for part in rest[:-1]:
        place[part] = dict(place.get(part, {}))
        place = place[part]
    place[rest[-1]] = value
    return values


@pytest.mark.parametrize(
    ("path", "value", "word"), WRONG, ids=[f"{path}={value}" for path, value, _ in WRONG]
)
def test_a_wrong_value_is_refused_by_its_name(path: str, value: object, word: str) -> None:
    with pytest.raises(RefusedError, match=r"values don't meet the specifications") as refused:
        render(with_value(path, value))
    assert word in str(refused.value)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("config.gitlab.token_file", "/vault/secrets/token"),
        ("config.gitlab.concurrency", "${CONCURRENCY}"),
        ("config.gitlab.ssl_verify", False),
        ("config.groups", ["acme/shop", 7, "7", {"path": "${GROUP}"}]),
        ("config.poll.interval", "1m30s"),
        ("config.poll.interval", "${INTERVAL}"),
        ("config.store.url", "sqlite:////data/dora.db"),
        ("config.store.url", "postgresql+psycopg://dora:${PASSWORD}@db:5432/dora?sslmode=require"),
        ("config.store.url", "postgresql+psycopg:///dora?host=/run/postgresql"),
        ("podDisruptionBudget.minAvailable", 1),
        ("podDisruptionBudget.maxUnavailable", "50%"),
        ("global", {"imageRegistry": "registry.example.com"}),
        ("enabled", True),
    ],
)
def test_an_unusual_value_is_not_refused(path: str, value: object) -> None:
    values = with_value(path, value)
    if path == "config.gitlab.token_file":
        del values["token"]
    assert render(values)


@pytest.mark.parametrize(
    "path",
    [
        "token.value",
        "webhookSecret.value",
        "config.gitlab.token",
        "config.webhook.secret",
        "config.gitlab.url",
        "config.store.url",
        "web.config.basic_auth_users",
    ],
)
def test_no_refusal_shows_a_secret(path: str) -> None:
    secret = "s3cret"
    value: object = f"https://user:{secret}@host/ and more"
    if path == "webhookSecret.value":
        value = secret
    if path.endswith("users"):
        value = {"prometheus": secret}
    with pytest.raises(RefusedError) as refused:
        render(with_value(path, value))
    assert path.rpartition(".")[2] in str(refused.value)
    assert secret not in str(refused.value)
