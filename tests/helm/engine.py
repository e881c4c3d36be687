"""Helm itself, as a library: the only module that knows how it is called.

Whoever has the command instead can do the same with ``helm template``, ``lint`` and ``package``.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.tools import missing

if TYPE_CHECKING:
    from types import ModuleType

CHART = Path(__file__).parents[2] / "helm"
RELEASE = "dora"
NAMESPACE = "observability"

# With dashboards, the one in C saves seconds.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Values = Mapping[str, Any]
Manifest = dict[str, Any]


class RefusedError(Exception):
    """Helm refuses the values; the message says why."""


@cache
def _library() -> "ModuleType":
    try:
        import helm_python  # noqa: PLC0415 - 240 MB that only these tests want
    except ImportError:
        missing("helm-python-sdk is not installed: pip install -e '.[helm-test]'")
    return helm_python


@cache
def _loaded(path: Path) -> Any:
    return _library().Chart.load(path)


def templated(values: Values, chart: Path = CHART, release: str = RELEASE) -> dict[str, str]:
    """Return what each template becomes.

    Raises:
        RefusedError: if the schema or a template refuses the values.
    """
    return _templated(json.dumps(values), chart, release)


@cache
def _templated(values: str, chart: Path, release: str) -> dict[str, str]:
    helm = _library()
    try:
        rendered = _loaded(chart).render(json.loads(values), name=release, namespace=NAMESPACE)
    except (helm.HelmValuesError, helm.HelmRenderError) as error:
        raise RefusedError(str(error)) from None
    found: dict[str, str] = rendered
    return found


def render(values: Values, chart: Path = CHART, release: str = RELEASE) -> list[Manifest]:
    """Return the objects of a release."""
    return [
        manifest
        for name, text in templated(values, chart, release).items()
        if not name.endswith("NOTES.txt")
        for manifest in yaml.load_all(text, _LOADER)
        if manifest
    ]


def notes(values: Values) -> str:
    """Return what is told after the installation."""
    (text,) = (
        text for name, text in templated(values).items() if name.endswith("/templates/NOTES.txt")
    )
    return text


def lint(values: Values | None = None) -> list[str]:
    """Return what Helm finds fault with, but for recommendations."""
    report = _library().lint(CHART, dict(values) if values else None, strict=True)
    assert report["total_charts_linted"] == 1
    found = [f"{one['path']}: {one['error']}" for one in report["messages"] if one["severity"] > 1]
    return [*found, *report["errors"]]


def package(folder: Path) -> Path:
    """Pack the chart into a folder; return the archive."""
    return Path(_library().package(CHART, destination=folder))


def metadata(chart: Path = CHART) -> dict[str, Any]:
    """Return what Chart.yaml says."""
    found: dict[str, Any] = _loaded(chart).metadata
    return found


def files(chart: Path = CHART) -> dict[str, str]:
    """Return the text of each file that is no template."""
    return {one["name"]: one["data"] for one in _loaded(chart).files}
