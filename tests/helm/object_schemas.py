"""What Kubernetes and the Prometheus operator take for an object."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.helm.engine import Manifest
from tests.tools import missing

OLDEST = "1.29"
_CUSTOM = Path(__file__).parent / "crds"
_ABSENT = "{} is not installed: pip install -e '.[helm-test]'"


def versions() -> list[str]:
    """Return the versions of Kubernetes that are known, from the oldest that the chart takes."""
    library = _kubernetes()
    known = list(dict.fromkeys(map(library.major_minor, library.all_versions())))
    return known[known.index(OLDEST) :]


def check(manifest: Manifest, version: str) -> None:
    """Check an object as strictly as can be: no key may be unknown.

    Raises:
        ValueError: if it is wrong, or its kind is unknown.
    """
    _check(json.dumps(manifest), version)


@cache
def _check(text: str, version: str) -> None:
    manifest = json.loads(text)
    if manifest["apiVersion"].startswith("monitoring.coreos.com/"):
        errors = [
            f"{'.'.join(map(str, error.path))}: {error.message}"
            for error in _custom_kinds()[manifest["kind"]].iter_errors(manifest)
        ]
        if errors:
            raise ValueError("; ".join(errors))
        return
    library = _kubernetes()
    try:
        library.validate(manifest, version, strict=True)
    except library.ValidationError as error:
        raise ValueError(f"{'.'.join(map(str, error.path))}: {error.message}") from None
    except library.SchemaNotFoundError as error:
        raise ValueError(error.message) from None


@cache
def _kubernetes() -> Any:
    try:
        from kubernetes_validate import utils  # noqa: PLC0415
    except ImportError:
        missing(_ABSENT.format("kubernetes-validate"))
    # It reads megabytes of definitions again for each object.
    utils.schema_contents = cache(utils.schema_contents)
    return utils


@cache
def _custom_kinds() -> dict[str, Any]:
    try:
        from jsonschema import Draft202012Validator  # noqa: PLC0415
    except ImportError:
        missing(_ABSENT.format("jsonschema"))
    found = {}
    for path in _CUSTOM.glob("*.yaml"):
        resource = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        (version,) = (one for one in resource["versions"] if one["name"] == "v1")
        schema = version["schema"]["openAPIV3Schema"]
        found[resource["names"]["kind"]] = Draft202012Validator(_strict(schema))
    return found


def _strict(schema: Any) -> Any:
    """Forbid keys that a schema does not name: the cluster would drop them without a word."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        closed.setdefault("additionalProperties", False)
    return closed
