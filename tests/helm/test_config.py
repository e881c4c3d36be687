"""The exporter itself takes the configuration that the chart writes, whatever the values."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from exporter.config import Settings, load
from exporter.config.keys import known_keys, setting_keys
from exporter.webconfig.models import HttpSettings, RateLimit, TlsSettings, WebSettings
from tests.helm.cluster import Cluster, write_volume
from tests.helm.engine import CHART, Values, render
from tests.helm.value_sets import MINIMAL, VALUE_SETS, container, minimal, only

FOLDER = "/etc/gitlab-dora-exporter"
SCHEMA = yaml.safe_load((CHART / "values.schema.json").read_text(encoding="utf-8"))


def loaded(values: Values, root: Path) -> Settings:
    """The settings as the exporter reads them in a pod, whose volumes are below a folder."""
    manifests = render(values)
    cluster = Cluster(manifests)
    pod = only(manifests, "Deployment")["spec"]["template"]["spec"]
    exporter = container(manifests)
    mounts = {one["name"]: one["mountPath"] for one in exporter["volumeMounts"]}
    for volume in pod["volumes"]:
        files = cluster.files(volume)
        if files is not None:
            place = root / mounts[volume["name"]].lstrip("/")
            place.mkdir(parents=True)
            write_volume(place, files, mode=0o400, group=None)
    (argument,) = (one for one in exporter["args"] if one.startswith("--config.file="))
    path = root / argument.partition("=")[2].lstrip("/")
    text = path.read_text(encoding="utf-8")
    path.resolve().write_text(text.replace(FOLDER, str(root / FOLDER[1:])), encoding="utf-8")
    return load(path, cluster.environment(exporter))


@pytest.mark.parametrize("name", VALUE_SETS)
def test_the_exporter_takes_the_configuration(name: str, tmp_path: Path) -> None:
    settings = loaded(VALUE_SETS[name], tmp_path)
    assert settings.groups[0].path == "acme"
    # The token is found wherever the values put it.
    assert settings.gitlab.token_source().current().startswith("glpat-")
    kind = "postgresql+psycopg://" if name.startswith("postgresql") else "sqlite:////data/"
    assert settings.store.url.startswith(kind)


def test_files_are_named_where_they_are_mounted(tmp_path: Path) -> None:
    values = minimal(
        webhookSecret=VALUE_SETS["ingress"]["webhookSecret"],
        caBundle=VALUE_SETS["network-policy"]["caBundle"],
    )
    settings = loaded(values, tmp_path)
    assert settings.gitlab.token_source().current() == "glpat-of-an-existing-secret"
    assert settings.gitlab.ca_file is not None
    assert settings.gitlab.ca_file.read_text() == "certificates\n"
    source = settings.webhook.secret_source()
    assert source is not None
    assert source.current() == "webhook-of-an-existing-secret"


def keys_of(values: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from ((name, inner) for inner in value)
        else:
            yield (name,)


def test_every_setting_can_be_a_value(tmp_path: Path) -> None:
    """Each is given in one value set, and none is at its default afterwards."""
    given = set(keys_of(VALUE_SETS["every-setting"]["config"]))
    secrets = {("gitlab", "token"), ("webhook", "secret")}
    assert given | secrets == {key.path for key in setting_keys()}
    settings = loaded(VALUE_SETS["every-setting"], tmp_path)
    bare = Settings.model_validate({"gitlab": {"token": "x"}, "groups": ["x"]})
    for path in given:
        value: Any = settings
        default: Any = bare
        for part in path:
            value, default = getattr(value, part), getattr(default, part)
        assert value != default, path
    assert settings.projects == (1000000, "acme/shop", "acme/app")
    assert [group.path for group in settings.groups] == ["acme", 7, "acme/platform"]
    assert settings.lead_time.target_branches == ("no", "1.10", "main")
    assert settings.metrics.max_series == 5000000


def test_the_schema_knows_the_keys_of_the_models_and_no_other() -> None:
    def keys(schema: dict[str, Any]) -> set[str]:
        assert schema["additionalProperties"] is False
        return set(schema["properties"])

    config = SCHEMA["properties"]["config"]
    assert keys(config) == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            assert keys(config["properties"][name]) == set(known_keys((name,))), name
    (group,) = (
        one for one in config["properties"]["groups"]["items"]["anyOf"] if "properties" in one
    )
    assert keys(group) == set(known_keys(("groups", 0)))
    override = config["properties"]["environments"]["properties"]["tier_overrides"]["items"]
    assert keys(override) == set(known_keys(("environments", "tier_overrides", 0)))


def test_the_schema_knows_the_keys_of_web_configurations() -> None:
    config = SCHEMA["properties"]["web"]["properties"]["config"]
    assert set(config["properties"]) == set(WebSettings.model_fields)
    for name, model in (
        ("tls_server_config", TlsSettings),
        ("http_server_config", HttpSettings),
        ("rate_limit", RateLimit),
    ):
        known = config["properties"][name]["propertyNames"]["enum"]
        assert set(known) == set(model.model_fields), name


def test_secrets_of_the_environment_may_be_named(tmp_path: Path) -> None:
    config = {
        "gitlab": {"token": "${TOKEN_OF_GITLAB}"},
        "groups": ["acme"],
        "webhook": {"secret": "${TOKEN_OF_GITLAB}"},
    }
    values = {"config": config, "extraEnvFrom": [{"secretRef": {"name": "tokens"}}]}
    settings = loaded(values, tmp_path)
    assert settings.gitlab.token_source().current() == "glpat-of-the-environment"
    assert settings.webhook.enabled


@pytest.mark.parametrize(
    ("postgresql", "url"),
    [
        ({"host": "db"}, "postgresql+psycopg://dora@db:5432/dora"),
        ({"host": "db", "port": 6432, "username": "u", "database": "d", "parameters": {"a": "b c"}},
         "postgresql+psycopg://u@db:6432/d?a=b+c"),
        ({"host": "[::1]", "parameters": {"sslmode": "require", "connect_timeout": 10}},
         "postgresql+psycopg://dora@[::1]:5432/dora?connect_timeout=10&sslmode=require"),
        ({"host": "/run/db"}, "postgresql+psycopg://dora@/dora?host=%2Frun%2Fdb&port=5432"),
        ({"existingSecret": "database", "urlKey": "url"},
         "postgresql+psycopg://dora:password@db.example.com/dora"),
    ],
)  # fmt: skip
def test_the_url_of_postgresql(postgresql: dict[str, Any], url: str, tmp_path: Path) -> None:
    settings = loaded(minimal(postgresql={"enabled": True, **postgresql}), tmp_path)
    assert settings.store.url == url


def test_the_password_of_postgresql_is_no_part_of_the_url() -> None:
    values = VALUE_SETS["postgresql"]
    environ = Cluster(manifests := render(values)).environment(container(manifests))
    assert environ["PGPASSWORD"] == values["postgresql"]["password"]
    assert "GITLAB_DORA_STORE__URL" not in environ
    assert values["postgresql"]["password"] not in str(container(manifests))


def test_a_changed_configuration_makes_new_pods() -> None:
    def checksums(values: Values) -> dict[str, str]:
        template = only(render(values), "Deployment")["spec"]["template"]
        annotations: dict[str, str] = template["metadata"]["annotations"]
        return annotations

    assert checksums(MINIMAL) == checksums(MINIMAL)
    assert checksums(MINIMAL) != checksums(minimal(config={"groups": ["other"]}))
    postgresql = {"enabled": True, "host": "db", "password": "one"}
    changed = {**postgresql, "password": "two"}
    assert checksums(minimal(postgresql=postgresql)) != checksums(minimal(postgresql=changed))
    # What is read again from its file needs none.
    assert checksums(minimal(token={"value": "a"})) == checksums(minimal(token={"value": "b"}))
    web = [{"config": {"rate_limit": {"burst": burst}}} for burst in (1, 2)]
    assert checksums(minimal(web=web[0])) == checksums(minimal(web=web[1]))
