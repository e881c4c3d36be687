"""Dashboards and rules have one source, and come along into the package."""

import gzip
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from exporter import __version__
from tests.dashboards.dashboard_files import FILES as DASHBOARDS
from tests.helm.engine import CHART, RefusedError, files, metadata, package, render, templated
from tests.helm.value_sets import VALUE_SETS, of_kind, only
from tests.rules.rule_files import FILES as RULES
from tests.tools import missing

ROOT = CHART.parent
VALUES = VALUE_SETS["rules-as-they-are"]
SOURCES = {
    **{f"files/dashboards/{path.name}": path for path in DASHBOARDS},
    **{f"files/rules/{path.name}": path for path in RULES},
}


def test_the_version_is_the_exporters() -> None:
    assert metadata()["appVersion"] == __version__
    assert metadata()["name"] == "gitlab-dora-exporter"


def test_every_dashboard_and_rule_file_is_linked() -> None:
    found = {
        path.relative_to(CHART).as_posix(): path
        for folder in ("dashboards", "rules")
        for path in (CHART / "files" / folder).iterdir()
    }
    assert found.keys() == SOURCES.keys()
    for name, path in found.items():
        assert path.is_symlink()
        assert not os.path.isabs(path.readlink())  # noqa: PTH117 - what is there, not what it means
        assert path.resolve() == SOURCES[name].resolve()


def test_helm_reads_them_through_the_links() -> None:
    assert {name: files()[name] for name in SOURCES} == {
        name: path.read_text(encoding="utf-8") for name, path in SOURCES.items()
    }


def test_the_package_holds_them_and_becomes_the_same_objects(tmp_path: Path) -> None:
    archive = package(tmp_path)
    with tarfile.open(archive) as packed:
        members = {one.name.partition("/")[2]: one for one in packed.getmembers()}
        assert not any(one.issym() or one.islnk() for one in members.values())
        for name, source in SOURCES.items():
            content = packed.extractfile(members[name])
            assert content is not None
            assert content.read() == source.read_bytes()
    assert {"README.md", "values.schema.json"} <= members.keys()
    assert not any(name.startswith("ci/") for name in members)
    assert templated(VALUES, archive) == templated(VALUES)


def test_rules_are_those_of_the_files() -> None:
    groups = only(render(VALUES), "PrometheusRule")["spec"]["groups"]
    expected = [
        group for path in RULES for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    ]
    assert groups == expected
    assert "{{ $labels" in yaml.safe_dump(groups, width=10**6)


def test_dashboards_are_those_of_the_files() -> None:
    maps = [one for one in of_kind(render(VALUES), "ConfigMap") if "config.yaml" not in one["data"]]
    shown = {name: text for one in maps for name, text in one["data"].items()}
    assert shown == {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS}
    for one in maps:
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"] == {"grafana_folder": "DORA"}
        assert sum(map(len, one["data"].values())) < 2**20 - 2**16


def test_what_helm_stores_of_a_release_fits() -> None:
    """Chart and objects as base64 in gzip in base64, in one Secret of 1 MiB at most."""
    stored = "".join([*templated(VALUES).values(), *files().values()]).encode()
    assert len(gzip.compress(stored)) * 4 / 3 * 4 / 3 < 2**19


@pytest.mark.parametrize("section", ["dashboards", "prometheusRule"])
def test_a_copy_that_lost_its_links_is_told(section: str, tmp_path: Path) -> None:
    """As archives of repositories become on Windows: a link is a file that holds a path."""
    for path in CHART.rglob("*"):
        copy = tmp_path / path.relative_to(CHART)
        if path.is_symlink():
            copy.write_text(str(path.readlink()))
        elif path.is_dir():
            copy.mkdir()
        else:
            copy.write_bytes(path.read_bytes())
    with pytest.raises(RefusedError, match="take the packaged chart"):
        render({**VALUE_SETS["minimal"], section: {"enabled": True}}, tmp_path)


@pytest.mark.long
def test_the_source_distribution_holds_the_chart_and_builds(tmp_path: Path) -> None:
    """With the links as links, beside what they lead to."""
    try:
        import hatchling  # noqa: F401, PLC0415
    except ImportError:
        missing("hatchling is not installed")
    build = [sys.executable, "-m", "hatchling", "build", "--target"]
    subprocess.run([*build, "sdist", "--directory", tmp_path], cwd=ROOT, check=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    for name, source in SOURCES.items():
        assert (unpacked / "helm" / name).read_bytes() == source.read_bytes()
    assert templated(VALUES, unpacked / "helm") == templated(VALUES)
    subprocess.run([*build, "wheel"], cwd=unpacked, check=True)
    assert list((unpacked / "dist").glob("*.whl"))
