"""The exporter, Prometheus and Grafana side by side, as far as can be judged without Docker."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import cli
from tests.container.recipe import CONTAINER, ROOT
from tests.tools import require

SCHEMA = ("--builtin-schema", "vendor.compose-spec")
COMPOSE = yaml.safe_load((CONTAINER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def mounts(service: str) -> dict[str, Path]:
    """What of the repository a service sees, by the place where it sees it."""
    given = [one.split(":") for one in SERVICES[service]["volumes"]]
    return {one[1]: (CONTAINER / one[0]).resolve() for one in given if one[0].startswith(".")}


def provisioning(kind: str) -> list[dict[str, Any]]:
    (file,) = mounts("grafana")[f"/etc/grafana/provisioning/{kind}"].iterdir()
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = content["datasources" if kind == "datasources" else "providers"]
    return found


def test_it_is_a_compose_file() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *SCHEMA, CONTAINER / "compose.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_what_is_mounted_is_there_and_only_read() -> None:
    seen = [path for service in SERVICES for path in mounts(service).values()]
    assert len(seen) == 5
    assert [path for path in seen if not path.exists() or ROOT not in path.parents] == []
    for service in SERVICES.values():
        for one in service["volumes"]:
            assert one.endswith(":ro") == one.startswith(".")
            assert one.startswith(".") or one.split(":")[0] in COMPOSE["volumes"]


def test_ports_are_open_to_this_machine_only() -> None:
    for service in SERVICES.values():
        for port in service["ports"]:
            assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)


def test_the_exporter_is_built_here() -> None:
    build = SERVICES["exporter"]["build"]
    assert (CONTAINER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()


@pytest.mark.parametrize("command", ["demo", "run"])
def test_one_variable_chooses_between_the_demo_and_a_gitlab(command: str) -> None:
    chosen, *flags = SERVICES["exporter"]["command"]
    assert chosen == "${DORA_COMMAND:-demo}"
    options = cli._parser().parse_args([command, *flags])
    assert str(options.listen_address) == cli.LISTEN_ADDRESS


def test_prometheus_scrapes_the_exporter_and_knows_the_rules(tmp_path: Path) -> None:
    """As the mounts put it together."""
    folder = tmp_path / "etc" / "prometheus"
    for place, path in mounts("prometheus").items():
        target = tmp_path / place.removeprefix("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if path.is_dir() else shutil.copy)(path, target)
    done = subprocess.run(
        [require("promtool"), "check", "config", folder / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for rules in (ROOT / "dashboards" / "prometheus").glob("*.yaml"):
        assert f"{rules.name}\n  SUCCESS" in done.stdout
    (job,) = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"]
    (target,) = job["static_configs"]
    assert target["targets"] == [f"exporter{cli.LISTEN_ADDRESS}"]
    # That the alerts about the exporter itself look at.
    assert "gitlab-dora" in job["job_name"]


def test_grafana_asks_prometheus() -> None:
    (source,) = provisioning("datasources")
    (port,) = SERVICES["prometheus"]["ports"]
    assert source["url"] == f"http://prometheus:{port.rpartition(':')[2]}"
    assert (source["type"], source["isDefault"]) == ("prometheus", True)


def test_grafana_shows_the_dashboards() -> None:
    (provider,) = provisioning("dashboards")
    place = provider["options"]["path"]
    folder = mounts("grafana")[place]
    assert folder == ROOT / "dashboards"
    shown = {path.name for path in folder.rglob("*.json")}
    assert shown == {f"dora-{one}.json" for one in ("exporter", "group", "overview", "project")}
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert json.loads((folder / home.removeprefix(f"{place}/")).read_text())["title"]
