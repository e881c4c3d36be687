"""compose.yaml with podman: the exporter, and a Prometheus that scrapes it.

Its images are not pulled. Prometheus is Debian's, which is older; Grafana is in no Debian, so that
its service is left out: test_compose.py looks at what it is given.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from tests.container import base_image
from tests.container.engine import Engine
from tests.container.recipe import CONTAINER, ROOT
from tests.tools import require
from tests.waiting import wait_until

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]

FILE = CONTAINER / "compose.yaml"
SERVICES = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]


def compose(engine: Engine, *arguments: str) -> str:
    return engine.run(require("podman-compose"), "--file", FILE, *arguments, apart=True)


def make_prometheus(engine: Engine) -> None:
    """Make an image that is used as Prometheus' own is."""
    container = engine.run("buildah", "from", "--pull-never", base_image.name()).strip()
    engine.run(
        "buildah", "copy", container, Path(require("prometheus")).resolve(), "/bin/prometheus"
    )
    owner = ("--owner", "nobody", "--group", "nogroup")
    engine.run("buildah", "run", container, "--", "install", "--directory", *owner, "/prometheus")
    settings = ("--user", "nobody", "--entrypoint", '["/bin/prometheus"]', "--cmd", "")
    place = ("--volume", "/prometheus", "--workingdir", "/prometheus")
    engine.run("buildah", "config", *settings, *place, container)
    engine.run("buildah", "commit", "--quiet", "--rm", container, SERVICES["prometheus"]["image"])


class Prometheus:
    """The server, as this machine sees it on the port that is published."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ask(self, what: str) -> Any:
        """Return what the server answers."""
        status, text = self._engine.get(f"http://127.0.0.1:9090/api/v1/{what}")
        assert status == 200, text
        return json.loads(text)["data"]

    def value(self, expression: str) -> float | None:
        """Return the one value of a query, None where there is none."""
        found = self.ask(f"query?query={quote(expression)}")["result"]
        return float(found[0]["value"][1]) if found else None


@pytest.fixture(scope="module")
def prometheus(storage: Engine, built: str) -> Iterator[Prometheus]:
    require("podman-compose")
    assert built == f"localhost/{SERVICES['exporter']['image']}"
    make_prometheus(storage)
    try:
        compose(storage, "up", "--detach", "--no-build", "exporter", "prometheus")
        server = Prometheus(storage)
        # It looks once a minute, and the demo begins with a poll.
        wait_until(lambda: ready(storage) and bool(server.value("gitlab_dora_exporter_up")), 150, 1)
        yield server
    finally:
        compose(storage, "down", "--volumes", "exporter", "prometheus")


def ready(engine: Engine) -> bool:
    return engine.get("http://127.0.0.1:9090/-/ready")[0] == 200


def test_prometheus_scrapes_the_exporter(prometheus: Prometheus) -> None:
    (target,) = prometheus.ask("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    assert target["scrapeUrl"] == "http://exporter:10143/metrics"
    deployments = prometheus.value('sum(gitlab_dora_project_deployments_total{job="gitlab-dora"})')
    assert deployments is not None
    assert deployments > 100
    assert prometheus.value('gitlab_dora_group_deployment_frequency{group="acme",window="30d"} > 0')


def test_prometheus_has_the_rules(prometheus: Prometheus) -> None:
    given = {
        rule["alert"]
        for file in (ROOT / "dashboards" / "prometheus").glob("*.yaml")
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    loaded = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert given
    assert {rule["name"] for rule in loaded if rule["type"] == "alerting"} == given
    wait_until(lambda: not broken(prometheus), 90, 1)


def broken(prometheus: Prometheus) -> list[str]:
    """The rules that were not evaluated yet, or with an error."""
    groups = prometheus.ask("rules")["groups"]
    return [rule["name"] for group in groups for rule in group["rules"] if rule["health"] != "ok"]


@pytest.mark.usefixtures("prometheus")
def test_the_exporter_runs_as_restricted_as_it_is_said_to(storage: Engine) -> None:
    known = storage.inspect("container", "gitlab-dora_exporter_1")
    host = known["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["PortBindings"] == {"10143/tcp": [{"HostIp": "127.0.0.1", "HostPort": "10143"}]}
    assert known["EffectiveCaps"] in (None, [])
    assert any(one.startswith("no-new-privileges") for one in host["SecurityOpt"])
