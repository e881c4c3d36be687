"""The chart's Deployment in podman, which is no cluster but a real container runtime.

What podman 4.3 does not understand is said here in other values of the chart: probes over HTTP, as
it would run a curl that the image has not; one name for ConfigMap, Secret and claim, as all of
them become volumes of that name; and `optional` of Secrets left out, of which it crashes. It does
not decode Secrets, nor look at `fsGroup`, `runAsNonRoot`, start-up and readiness probes, resources
and Services. The tests of the chart look at these.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from exporter.simulator import DEFAULT_TOKEN
from tests.container.contained import Container
from tests.container.engine import Engine
from tests.container.recipe import command
from tests.helm.engine import Manifest, render
from tests.helm.value_sets import container, of_kind, only
from tests.waiting import wait_until

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]

TOKEN = "gitlab-token"
CLAIM = "dora-data"
USER = "10001"


@dataclass(frozen=True)
class Pod:
    """The pod that runs, and the manifests that it was made of."""

    manifests: list[Manifest]
    exporter: Container


def values(image: str) -> dict[str, Any]:
    """The values: a GitLab in the same pod, and what podman can make of it."""
    repository, _, tag = image.rpartition(":")
    return {
        "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
        "config": {"groups": ["acme"], "gitlab": {"url": "http://127.0.0.1:8080"}},
        "token": {"existingSecret": TOKEN},
        "persistence": {"existingClaim": CLAIM},
        "livenessProbe": {"handler": {"exec": {"command": command("HEALTHCHECK")}}},
        "extraContainers": [
            {
                "name": "gitlab",
                "image": image,
                "imagePullPolicy": "Never",
                "command": ["python", "-m", "exporter.simulator"],
                "args": ["--listen", "127.0.0.1:8080", "--projects", "5"],
            }
        ],
    }


def claim() -> Manifest:
    """The claim that the chart would make, by another name."""
    made = only(
        render({"config": {"groups": ["acme"]}, "token": {"value": "x"}}), "PersistentVolumeClaim"
    )
    return {**made, "metadata": {**made["metadata"], "name": CLAIM}}


@pytest.fixture(scope="module")
def pod(storage: Engine, built: str) -> Iterator[Pod]:
    manifests = [claim(), *render(values(f"{built}:latest"))]
    (deployment,) = of_kind(manifests, "Deployment")
    for volume in deployment["spec"]["template"]["spec"]["volumes"]:
        if "secret" in volume:
            volume["secret"]["optional"] = False
    played = [
        one
        for one in manifests
        if one["kind"] in {"PersistentVolumeClaim", "ConfigMap", "Deployment"}
    ]
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": TOKEN},
        "data": {"token": DEFAULT_TOKEN},
    }
    files = {name: storage.folder / name for name in ("secret.yaml", "pod.yaml")}
    files["secret.yaml"].write_text(yaml.safe_dump(secret))
    files["pod.yaml"].write_text(yaml.safe_dump_all(played))
    storage.run("podman", "secret", "create", TOKEN, files["secret.yaml"])
    storage.run("podman", "kube", "play", files["pod.yaml"], apart=True)
    name = f"{deployment['metadata']['name']}-pod-0"
    try:
        exporter = Container(storage, f"{name}-exporter")
        wait_until(lambda: storage.get("http://127.0.0.1:10143/-/ready")[0] == 200, every=0.5)
        yield Pod(manifests, exporter)
        storage.run("podman", "pod", "stop", "--time", "30", name, apart=True)
        assert exporter.inspect()["State"]["ExitCode"] == 0
    finally:
        storage.attempt("podman", "pod", "rm", "--force", "--time", "0", name, apart=True)
        storage.attempt("podman", "secret", "rm", TOKEN)
        storage.attempt("podman", "volume", "prune", "--force")


def test_it_serves_what_it_polled_on_the_port_of_the_pod(storage: Engine, pod: Pod) -> None:
    (port,) = (one["containerPort"] for one in container(pod.manifests)["ports"])
    status, text = storage.get(f"http://127.0.0.1:{port}/metrics")
    assert status == 200
    assert "gitlab_dora_project_deployments_total{" in text
    assert "gitlab_dora_exporter_up 1.0" in text


def test_it_runs_with_the_rights_that_the_chart_leaves_it(pod: Pod) -> None:
    status = pod.exporter.status()
    spec = only(pod.manifests, "Deployment")["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsUser"] == int(USER)
    assert status["Uid"].split() == status["Gid"].split() == [USER] * 4
    assert {status[f"Cap{one}"] for one in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert status["Seccomp"] == "2"


def test_it_writes_to_its_volumes_only(pod: Pod) -> None:
    mounts = {
        place: options.split(",")[0]
        for _, place, _, options, *_ in map(
            str.split, pod.exporter.execute("cat", "/proc/mounts").splitlines()
        )
    }
    given = {one["mountPath"] for one in container(pod.manifests)["volumeMounts"]}
    writable = {place for place in given | {"/"} if mounts[place] == "rw"}
    assert writable == {"/data", "/tmp"}  # noqa: S108 - of the pod
    assert "dora.db" in pod.exporter.execute("ls", "/data").split()


def test_its_liveness_is_probed(pod: Pod) -> None:
    assert pod.exporter.look_at_health()
    assert pod.exporter.health() == "healthy"
    pod.exporter.signal("STOP")
    try:
        assert not pod.exporter.look_at_health()
    finally:
        pod.exporter.signal("CONT")
    wait_until(pod.exporter.look_at_health)
