"""What a cluster holds, as far as a pod sees it: its volumes and its environment."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.helm.engine import Manifest
from tests.helm.value_sets import of_kind

Contents = Mapping[str, Mapping[str, str]]

# The Secrets and ConfigMaps that the value sets suppose.
EXISTING: Contents = {
    "gitlab-token": {"token": "glpat-of-an-existing-secret"},
    "webhook": {"of-gitlab": "webhook-of-an-existing-secret"},
    "database": {
        "password": "password-of-the-database",
        "pw": "password-of-the-database",
        "url": "postgresql+psycopg://dora:password@db.example.com/dora",
    },
    "tokens": {"TOKEN_OF_GITLAB": "glpat-of-the-environment"},
    "company-ca": {"ca.crt": "a certificate\n", "ca-bundle.pem": "certificates\n"},
    "db-ca": {"ca.crt": "a certificate\n"},
    "dora-tls": {"tls.crt": "a certificate\n", "tls.key": "a key\n"},
    "dora-web": {"web-config.yml": "{}\n"},
    "own": {
        "token": "glpat-of-our-own",
        "other-token": "glpat-also-of-our-own",
        "webhook": "webhook-of-our-own",
        "ca.crt": "a certificate\n",
    },
    "proxies": {"NO_PROXY": "10.0.0.0/8"},
}


class Cluster:
    """The Secrets and ConfigMaps of a release, and those that were there before."""

    def __init__(self, manifests: list[Manifest], existing: Contents = EXISTING) -> None:
        self._contents: dict[str, dict[str, str]] = {
            name: dict(content) for name, content in existing.items()
        }
        for config_map in of_kind(manifests, "ConfigMap"):
            self._add(config_map, config_map["data"])
        for secret in of_kind(manifests, "Secret"):
            decoded = {
                key: base64.b64decode(value).decode() for key, value in secret["data"].items()
            }
            self._add(secret, decoded)

    def environment(self, container: Manifest) -> dict[str, str]:
        """Return the variables that a container is given."""
        found: dict[str, str] = {}
        for source in container.get("envFrom", []):
            reference = source.get("secretRef") or source["configMapRef"]
            found |= self._contents[reference["name"]]
        for variable in container.get("env", []):
            if "value" in variable:
                found[variable["name"]] = variable["value"]
            else:
                reference = variable["valueFrom"]["secretKeyRef"]
                found[variable["name"]] = self._contents[reference["name"]][reference["key"]]
        return found

    def files(self, volume: Mapping[str, Any]) -> dict[str, str] | None:
        """Return the files of a volume by their path; None if it is an empty one or a disk."""
        source = volume.get("secret") or volume.get("configMap")
        if source is None:
            return None
        content = self._contents[source.get("secretName") or source["name"]]
        items = source.get("items") or [{"key": key, "path": key} for key in content]
        return {item["path"]: content[item["key"]] for item in items}

    def _add(self, manifest: Manifest, content: Mapping[str, str]) -> None:
        # Secret and ConfigMap of the chart bear one name; their keys differ.
        self._contents.setdefault(manifest["metadata"]["name"], {}).update(content)


def write_volume(folder: Path, files: Mapping[str, str], *, mode: int, group: int | None) -> None:
    """Write the files of a volume as the kubelet does, or renew them at one stroke.

    Each is a symbolic link through one to the folder of the present state.
    """
    folder.mkdir(exist_ok=True)
    state = folder / f"..state_{len(list(folder.glob('..state_*')))}"
    state.mkdir()
    for name, text in files.items():
        path = state / name
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        if group is not None:
            os.chown(path, 0, group)
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(Path("..data") / name)
    following = folder / "..data_tmp"
    following.symlink_to(state.name)
    following.replace(folder / "..data")
