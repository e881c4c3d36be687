"""The value sets of ``helm/ci``, which chart-testing installs, too."""

from typing import Any

import yaml

from tests.helm.engine import CHART, Manifest

SUFFIX = "-values.yaml"
FILES = {path.name.removesuffix(SUFFIX): path for path in sorted((CHART / "ci").glob(f"*{SUFFIX}"))}
VALUE_SETS: dict[str, dict[str, Any]] = {
    name: yaml.safe_load(path.read_text(encoding="utf-8")) for name, path in FILES.items()
}
MINIMAL = VALUE_SETS["minimal"]


def minimal(**more: Any) -> dict[str, Any]:
    """Return the least values with some more at the top."""
    return {**MINIMAL, **more}


def only(manifests: list[Manifest], kind: str, name: str | None = None) -> Manifest:
    """Return the one object of a kind."""
    (found,) = (
        one
        for one in manifests
        if one["kind"] == kind and (name is None or one["metadata"]["name"] == name)
    )
    return found


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """Return all objects of a kind."""
    return [one for one in manifests if one["kind"] == kind]


def container(manifests: list[Manifest]) -> Manifest:
    """Return the exporter's container."""
    found: Manifest = only(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return found
