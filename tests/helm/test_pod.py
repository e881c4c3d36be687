"""The pods of the chart run: command, arguments, volumes, environment, user, probes and end."""

import re
import shlex
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy.engine import make_url

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.helm.cluster import Cluster, Contents
from tests.helm.engine import CHART, Manifest, Values, render
from tests.helm.probes import succeeds
from tests.helm.sandbox import Contained, Sandbox, require_sandbox
from tests.helm.value_sets import container, only
from tests.ports import free_port
from tests.postgres import PASSWORD, USER, Server, postgres
from tests.tools import require
from tests.waiting import wait_until

__all__ = ["postgres"]

USER_ID = 10001


@dataclass(frozen=True)
class Pod:
    """A pod that runs.

    Attributes:
        manifests: All of the release.
        exporter: The manifest of its container.
        running: Its process.
        sandbox: Its volumes.
        url: Where it serves.
    """

    manifests: list[Manifest]
    exporter: Manifest
    running: Contained
    sandbox: Sandbox
    url: str

    def probe(self, name: str) -> bool:
        """Return whether a probe succeeds; fail if the container has ended."""
        assert self.running.process.poll() is None, "".join(self.running.errors)
        return succeeds(self.exporter, name)

    def come_up(self) -> None:
        """Probe as the kubelet does: until it has started, then whether it lives and is ready."""
        wait_until(lambda: self.probe("startupProbe"))
        assert self.probe("livenessProbe")
        wait_until(lambda: self.probe("readinessProbe"))

    def run(self, container: Manifest) -> None:
        """Run another container of the pod to its end, which must be a good one."""
        with self.sandbox.running(container) as other:
            assert other.process.wait(30) == 0, "".join(other.errors)

    def end(self) -> None:
        """End it as the kubelet does; it must end by itself, in time and well."""
        pod = self.sandbox.pod
        began = time.monotonic()
        code = self.running.terminate(signal.SIGTERM, pod["terminationGracePeriodSeconds"])
        assert code == 0, "".join(self.running.errors)
        assert time.monotonic() - began < pod["terminationGracePeriodSeconds"]


@contextmanager
def pod(
    values: Values, folder: Path, gitlab: SimulatedGitLab, existing: Contents | None = None
) -> Iterator[Pod]:
    """Run the pod of a release with these values, on a port of its own."""
    require_sandbox()
    port = free_port()
    config = {
        **values.get("config", {}),
        "gitlab": {"url": gitlab.url, "max_requests_per_second": 1000},
        "groups": ["acme"],
        "poll": {"interval": "1s"},
    }
    everything: dict[str, Any] = {
        **values,
        "config": config,
        "web": {**values.get("web", {}), "port": port},
        "service": {"port": port},
    }
    manifests = render(everything)
    spec = only(manifests, "Deployment")["spec"]["template"]["spec"]
    service = only(manifests, "Service")["metadata"]
    sandbox = Sandbox(
        folder,
        spec,
        Cluster(manifests, existing or {}),
        hosts=(f"{service['name']}.{service['namespace']}.svc",),
    )
    exporter = container(manifests)
    with sandbox.running(exporter) as running:
        yield Pod(manifests, exporter, running, sandbox, f"http://127.0.0.1:{port}")


@pytest.fixture
def gitlab() -> Iterator[SimulatedGitLab]:
    world = World()
    project = world.add_project("acme/shop")
    environment = world.add_environment(project, "production")
    world.add_deployment(environment, created_at=world.clock() - timedelta(hours=1))
    with SimulatedGitLab(world) as running:
        yield running


def metrics(url: str) -> str:
    return requests.get(f"{url}/metrics", timeout=30).text


def backup_of_the_docs() -> list[str]:
    """The command that docs/operations.md runs in the container."""
    text = (CHART.parent / "docs/operations.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"kubectl exec \S+ -- (.*\\\n.*)\n", text)
    return shlex.split(command.replace("\\\n", " "))


def test_a_pod_runs_as_the_manifest_says(tmp_path: Path, gitlab: SimulatedGitLab) -> None:
    """Unprivileged and on a read-only root; it keeps its database and passes the chart's test."""
    with pod({"token": {"value": DEFAULT_TOKEN}}, tmp_path, gitlab) as one:
        one.come_up()
        status = one.running.status()
        assert status["Uid"].split() == [str(USER_ID)] * 4
        assert status["Gid"].split() == [str(USER_ID)] * 4
        assert status["NSpid"].split()[-1] == "1"
        assert [status[name] for name in ("CapEff", "CapBnd", "CapPrm")] == ["0" * 16] * 3
        assert status["NoNewPrivs"] == "1"
        mounts = Path(f"/proc/{one.running.pid}/mounts").read_text().splitlines()
        (root,) = (line for line in mounts if line.split()[1] == "/")
        assert root.split()[3].startswith("ro,")
        assert (one.sandbox.volume("data") / "dora.db").stat().st_uid == USER_ID
        assert "gitlab_dora_project_deployments_total{" in metrics(one.url)
        one.run(only(one.manifests, "Pod")["spec"]["containers"][0])
        one.run({**one.exporter, "command": backup_of_the_docs(), "args": []})
        with closing(sqlite3.connect(one.sandbox.volume("data") / "backup.db")) as backup:
            assert backup.execute("SELECT count(*) FROM deployments").fetchone() == (1,)
        one.end()
    assert not any(DEFAULT_TOKEN in line for line in one.running.errors)


@pytest.mark.long
def test_new_secrets_are_used_without_a_restart(tmp_path: Path, gitlab: SimulatedGitLab) -> None:
    """A token that GitLab refuses keeps the pod alive and not ready, until the Secret changes."""
    existing = {"gitlab": {"key": "glpat-revoked"}, "hook": {"secret": "the-first-secret"}}
    values = {
        "token": {"existingSecret": "gitlab", "key": "key"},
        "webhookSecret": {"existingSecret": "hook"},
        "persistence": {"enabled": False},
        "log": {"format": "json"},
    }
    with pod(values, tmp_path, gitlab, existing) as one:
        wait_until(lambda: one.probe("startupProbe"))
        one.running.wait_for("401")
        assert one.probe("livenessProbe")
        assert not one.probe("readinessProbe")
        one.sandbox.renew("gitlab", {"token": DEFAULT_TOKEN})
        one.come_up()
        assert send_event(one.url, "the-first-secret") != 401
        assert send_event(one.url, "the-second-secret") == 401
        one.sandbox.renew("webhook", {"secret": "the-second-secret"})
        assert send_event(one.url, "the-second-secret") != 401
        assert send_event(one.url, "the-first-secret") == 401
        one.end()


def send_event(url: str, secret: str) -> int:
    headers = {"X-Gitlab-Token": secret, "X-Gitlab-Event": "Deployment Hook"}
    return requests.post(f"{url}/webhook", json={}, headers=headers, timeout=30).status_code


@pytest.mark.long
def test_pods_share_a_postgresql(tmp_path: Path, gitlab: SimulatedGitLab, postgres: Server) -> None:
    """Its password comes from a Secret; each pod serves what one of them polls."""
    name = make_url(postgres.create_database()).database
    postgres.directory.chmod(0o711)  # the socket in it is for everybody
    values = {
        "token": {"value": DEFAULT_TOKEN},
        "replicaCount": 2,
        "postgresql": {
            "enabled": True,
            "host": "/run/postgresql",
            "database": name,
            "username": USER,
            "existingSecret": "database",
        },
        "extraVolumes": [{"name": "socket", "hostPath": {"path": str(postgres.directory)}}],
        "extraVolumeMounts": [{"name": "socket", "mountPath": "/run/postgresql"}],
    }
    existing = {"database": {"password": PASSWORD}}
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with (
        pod(values, first, gitlab, existing) as one,
        pod(values, second, gitlab, existing) as other,
    ):
        for each in (one, other):
            each.come_up()
            assert "gitlab_dora_project_deployments_total{" in metrics(each.url)
        one.end()
        other.end()
    assert not any(PASSWORD in line for line in one.running.errors + other.running.errors)


@pytest.mark.long
def test_a_pod_with_tls_is_probed_over_tls(tmp_path: Path, gitlab: SimulatedGitLab) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    subprocess.run(
        [
            *(require("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    existing = {"dora-tls": {one.name: one.read_text() for one in (certificate, key)}}
    values = {"token": {"value": DEFAULT_TOKEN}, "web": {"tlsSecret": "dora-tls"}}
    folder = tmp_path / "pod"
    folder.mkdir()
    with pod(values, folder, gitlab, existing) as one:
        one.come_up()
        url = one.url.replace("http:", "https:")
        answer = requests.get(f"{url}/-/ready", verify=str(certificate), timeout=30)
        assert answer.status_code == 200
        one.run(only(one.manifests, "Pod")["spec"]["containers"][0])
        one.end()
