"""What single values do to the objects."""

import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.helm.cluster import Cluster
from tests.helm.engine import CHART, Manifest, Values, notes, render
from tests.helm.value_sets import MINIMAL, VALUE_SETS, container, minimal, of_kind, only
from tests.ports import free_port

BASIC = {"config": {"basic_auth_users": {"a": "$2y$10$" + "x" * 53}}}
ALL_POLICIES = VALUE_SETS["postgresql"]


def pod_of(values: Values) -> Manifest:
    spec: Manifest = only(render(values), "Deployment")["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
def test_pods_are_restricted_as_far_as_kubernetes_knows(kind: str) -> None:
    """The pod security standard `restricted`, and a read-only root besides."""
    spec = only(render(MINIMAL), kind)["spec"]
    spec = spec["template"]["spec"] if kind == "Deployment" else spec
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "initContainers" not in spec
    for one in spec["containers"]:
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }


def test_the_account_gets_no_token() -> None:
    assert only(render(MINIMAL), "ServiceAccount")["automountServiceAccountToken"] is False


def test_openshift_may_choose_the_user() -> None:
    security = pod_of(VALUE_SETS["openshift"])["securityContext"]
    assert security.keys() == {"runAsNonRoot", "fsGroupChangePolicy", "seccompProfile"}
    assert pod_of(VALUE_SETS["openshift"])["serviceAccountName"] == "exporters"
    assert of_kind(render(VALUE_SETS["openshift"]), "ServiceAccount") == []


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "gitlab-dora-exporter:0.1.0"),
        ({"repository": "registry.example.com/dora", "tag": "1"}, "registry.example.com/dora:1"),
        ({"registry": "registry.example.com"}, "registry.example.com/gitlab-dora-exporter:0.1.0"),
        ({"digest": f"sha256:{'0' * 64}"}, f"gitlab-dora-exporter@sha256:{'0' * 64}"),
    ],
)
def test_the_image_of_pod_and_test(image: dict[str, str], expected: str) -> None:
    manifests = render(minimal(image=image))
    assert container(manifests)["image"] == expected
    assert only(manifests, "Pod")["spec"]["containers"][0]["image"] == expected


HEALTHY = {"httpGet": {"path": "/-/healthy", "port": "http", "scheme": "HTTP"}}
READY = {"httpGet": {"path": "/-/ready", "port": "http", "scheme": "HTTP"}}
OPEN = {"tcpSocket": {"port": "http"}}


def probes(values: Values) -> dict[str, Any]:
    """How each probe looks, without its times."""
    exporter = container(render(values))
    return {
        name.removesuffix("Probe"): {
            key: value for key, value in probe.items() if isinstance(value, dict)
        }
        for name, probe in exporter.items()
        if name.endswith("Probe")
    }


def test_the_first_poll_delays_readiness_only() -> None:
    assert probes(MINIMAL) == {"startup": HEALTHY, "liveness": HEALTHY, "readiness": READY}
    deployment = only(render(MINIMAL), "Deployment")["spec"]
    assert deployment["progressDeadlineSeconds"] >= 6 * 3600


@pytest.mark.parametrize(
    "web",
    [
        BASIC,
        {"config": {"tls_server_config": {"client_auth_type": "RequireAndVerifyClientCert"}}},
        {"existingSecret": "web", "authenticated": True},
    ],
)
def test_where_the_kubelet_would_be_refused_it_looks_for_an_open_port(web: dict[str, Any]) -> None:
    assert set(map(str, probes(minimal(web=web)).values())) == {str(OPEN)}


@pytest.mark.parametrize(
    "web",
    [
        {"tlsSecret": "tls"},
        {"config": {"tls_server_config": {"cert_file": "x", "key_file": "y"}}},
        {"existingSecret": "web", "scheme": "https"},
    ],
)
def test_with_tls_all_speak_tls(web: dict[str, Any]) -> None:
    values = minimal(web=web, serviceMonitor={"enabled": True}, scrapeAnnotations={"enabled": True})
    manifests = render(values)
    assert {one["httpGet"]["scheme"] for one in probes(values).values()} == {"HTTPS"}
    assert only(manifests, "ServiceMonitor")["spec"]["endpoints"][0]["scheme"] == "https"
    assert only(manifests, "Service")["spec"]["ports"][0]["appProtocol"] == "https"
    annotations = only(manifests, "Deployment")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/scheme"] == "https"
    assert only(manifests, "Pod")["spec"]["containers"][0]["args"][1].startswith("https://")
    assert "curl --insecure https://" in notes(values)


def test_probes_may_be_replaced_or_left_out() -> None:
    found = probes(VALUE_SETS["web-existing-secret"])
    assert found["liveness"] == OPEN
    assert found["readiness"]["httpGet"]["httpHeaders"][0]["name"] == "Authorization"
    assert "startup" not in found
    times = container(render(minimal(livenessProbe={"periodSeconds": 7})))["livenessProbe"]
    assert times["periodSeconds"] == 7
    assert times["failureThreshold"] == 6


def test_the_web_configuration_is_passed_where_there_is_one() -> None:
    flag = "--web.config.file=/etc/gitlab-dora-exporter/web/web.yml"
    assert not any("web.config" in one for one in container(render(MINIMAL))["args"])
    for name in ("web-tls", "web-existing-secret"):
        assert flag in container(render(VALUE_SETS[name]))["args"]


def test_the_certificate_of_a_secret_is_used_unless_told_otherwise() -> None:
    def web_config(web: dict[str, Any]) -> Any:
        manifests = render(minimal(web=web))
        cluster = Cluster(manifests, {"tls": {"tls.crt": "", "tls.key": ""}})
        (volume,) = (one for one in pod_of(minimal(web=web))["volumes"] if one["name"] == "web")
        files = cluster.files(volume)
        assert files is not None
        return yaml.safe_load(files["web.yml"])

    folder = "/etc/gitlab-dora-exporter/tls"
    mounted = {"cert_file": f"{folder}/tls.crt", "key_file": f"{folder}/tls.key"}
    assert web_config({"tlsSecret": "tls"}) == {"tls_server_config": mounted}
    own = {"tls_server_config": {"cert_file": "x", "key_file": "y"}}
    assert web_config({"tlsSecret": "tls", "config": own}) == own


def test_pods_that_others_replace_serve_on_for_a_while() -> None:
    """Nodes hear only after the pod that it ends; with SQLite nobody serves in its place."""
    hook = {"exec": {"command": ["python", "-c", "import time; time.sleep(5)"]}}
    assert container(render(VALUE_SETS["postgresql"]))["lifecycle"] == {"preStop": hook}
    assert "lifecycle" not in container(render(MINIMAL))


def test_arguments_are_those_of_the_command() -> None:
    values = VALUE_SETS["extras"]
    assert container(render(values))["command"] == ["gitlab-dora-exporter"]
    assert container(render(values))["args"] == [
        "run",
        "--config.file=/etc/gitlab-dora-exporter/config/config.yaml",
        "--web.listen-address=:10143",
        "--log.level=debug",
        "--log.format=json",
        "--log.level=warning",
    ]


def test_all_that_may_be_added_is_added() -> None:
    values = VALUE_SETS["extras"]
    spec, exporter = pod_of(values), container(render(values))
    assert values["extraEnv"][0] in exporter["env"]
    assert exporter["envFrom"] == values["extraEnvFrom"]
    assert values["extraVolumes"][0] in spec["volumes"]
    assert values["extraVolumeMounts"][0] in exporter["volumeMounts"]
    assert spec["containers"][1:] == values["extraContainers"]
    assert spec["initContainers"] == values["extraInitContainers"]
    assert values["extraManifests"][0] in render(values)
    for name in ("nodeSelector", "tolerations", "affinity", "priorityClassName", "hostAliases"):
        assert spec[name] == values[name]
    assert exporter["resources"] == values["resources"]
    assert spec["serviceAccountName"] == "dora"
    (tmp,) = (one for one in spec["volumes"] if one["name"] == "tmp")
    assert tmp["emptyDir"] == values["tmpVolume"]


@pytest.mark.parametrize("name", VALUE_SETS)
def test_every_mount_has_its_volume(name: str) -> None:
    spec = pod_of(VALUE_SETS[name])
    volumes = [one["name"] for one in spec["volumes"]]
    mounts = [one["name"] for one in spec["containers"][0]["volumeMounts"]]
    assert sorted(volumes) == sorted(set(volumes))
    assert sorted(mounts) == sorted(volumes)
    assert not any("subPath" in one for one in spec["containers"][0]["volumeMounts"])


def test_the_claim_outlives_the_release() -> None:
    claim = only(render(MINIMAL), "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    given = minimal(persistence={"retain": False})
    assert "annotations" not in only(render(given), "PersistentVolumeClaim")["metadata"]


def test_a_claim_that_exists_is_used() -> None:
    values = VALUE_SETS["openshift"]
    assert of_kind(render(values), "PersistentVolumeClaim") == []
    (data,) = (one for one in pod_of(values)["volumes"] if one["name"] == "data")
    assert data["persistentVolumeClaim"] == {"claimName": "dora-data"}


def egress_ports(values: Values) -> list[list[int]]:
    policy = only(render(values), "NetworkPolicy")["spec"]
    return [[port["port"] for port in rule["ports"]] for rule in policy["egress"]]


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("https://gitlab.example.com", 443),
        ("http://gitlab.example.com/git", 80),
        ("https://gitlab.example.com:8443/git:1", 8443),
        ("https://${HOST}/", 443),
    ],
)
def test_the_policy_lets_out_to_gitlab(url: str, port: int) -> None:
    config = {"groups": ["acme"], "gitlab": {"url": url}}
    values = minimal(config=config, networkPolicy={"enabled": True})
    assert egress_ports(values) == [[53, 53], [port]]


def test_the_policy_lets_out_to_postgresql_and_what_else_is_named() -> None:
    assert egress_ports(VALUE_SETS["postgresql"]) == [[53, 53], [443], [6432]]
    assert egress_ports(VALUE_SETS["network-policy"]) == [[53, 53], [8080], [3128]]
    policy = {"enabled": True, "egress": {"gitlabPorts": [3128]}}
    assert egress_ports(minimal(networkPolicy=policy)) == [[53, 53], [3128]]


def test_the_policy_lets_in_whom_it_names_and_the_test() -> None:
    (rule,) = only(render(VALUE_SETS["network-policy"]), "NetworkPolicy")["spec"]["ingress"]
    assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
    first, test = rule["from"]
    assert first == VALUE_SETS["network-policy"]["networkPolicy"]["ingressFrom"][0]
    labels = only(render(VALUE_SETS["network-policy"]), "Pod")["metadata"]["labels"]
    assert test["podSelector"]["matchLabels"].items() <= labels.items()


def test_without_egress_only_the_way_in_is_watched() -> None:
    policy = {"enabled": True, "egress": {"enabled": False}}
    spec = only(render(minimal(networkPolicy=policy)), "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    assert "egress" not in spec
    assert "from" not in spec["ingress"][0]


def test_a_budget_never_holds_up_a_pod_that_is_not_ready() -> None:
    budget = only(render(VALUE_SETS["extras"]), "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    budget = only(render(ALL_POLICIES), "PodDisruptionBudget")["spec"]
    assert budget["minAvailable"] == "50%"
    assert "maxUnavailable" not in budget


def test_the_monitor_finds_the_service() -> None:
    manifests = render(VALUE_SETS["operator"])
    monitor, service = only(manifests, "ServiceMonitor"), only(manifests, "Service")
    labels = service["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    namespaces = monitor["spec"]["namespaceSelector"]["matchNames"]
    assert namespaces == [service["metadata"]["namespace"]]
    assert monitor["metadata"]["namespace"] == "monitoring"
    assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] == service["spec"]["ports"][0]["name"]


def test_the_job_is_named_as_the_rules_expect_it() -> None:
    manifests = render(VALUE_SETS["rules-as-they-are"])
    label = only(manifests, "ServiceMonitor")["spec"]["jobLabel"]
    job = only(manifests, "Service")["metadata"]["labels"][label]
    groups = only(manifests, "PrometheusRule")["spec"]["groups"]
    expressions = [rule["expr"] for group in groups for rule in group["rules"]]
    wanted = re.findall(r'job=~"([^"]+)"', " ".join(expressions))
    assert wanted
    assert all(re.fullmatch(pattern, job) for pattern in wanted)


def test_rules_may_be_left_out_added_and_led_home() -> None:
    given = VALUE_SETS["operator"]["prometheusRule"]
    groups = only(render(VALUE_SETS["operator"]), "PrometheusRule")["spec"]["groups"]
    assert groups[-1:] == given["extraGroups"]
    alerts = {rule["alert"]: rule for group in groups[:-1] for rule in group["rules"]}
    as_they_are = only(render(VALUE_SETS["rules-as-they-are"]), "PrometheusRule")["spec"]["groups"]
    names = {rule["alert"] for group in as_they_are for rule in group["rules"]}
    assert alerts.keys() == names - set(given["disabledAlerts"])
    for rule in alerts.values():
        assert rule["annotations"]["runbook_url"].startswith(given["runbookUrlPrefix"] + "docs/")
        assert rule["annotations"]["dashboard_url"].startswith(given["dashboardUrlPrefix"] + "d/")


def test_plain_prometheus_reads_annotations() -> None:
    values = VALUE_SETS["annotations-without-persistence"]
    template = only(render(values), "Deployment")["spec"]["template"]
    scraped = {
        name: value
        for name, value in template["metadata"]["annotations"].items()
        if name.startswith("prometheus.io/")
    }
    assert scraped == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "10143",
        "prometheus.io/path": "/metrics",
        "prometheus.io/scheme": "http",
    }
    assert "prometheus.io/scrape" not in yaml.safe_dump(render(MINIMAL))


def test_an_ingress_leads_to_the_service() -> None:
    rules = only(render(VALUE_SETS["ingress"]), "Ingress")["spec"]["rules"]
    paths = {rule["host"]: [one["path"] for one in rule["http"]["paths"]] for rule in rules}
    assert paths == {"dora.example.com": ["/webhook", "/api"], "all.example.com": ["/"]}
    (rule,) = only(render(minimal(ingress={"enabled": True})), "Ingress")["spec"]["rules"]
    assert "host" not in rule
    service = rule["http"]["paths"][0]["backend"]["service"]
    assert service == {"name": "dora-gitlab-dora-exporter", "port": {"name": "http"}}


def test_the_notes_tell_what_is_left_to_do() -> None:
    assert "Prometheus does not know of it yet" in notes(MINIMAL)
    assert "WARNING" not in notes(MINIMAL)
    told = notes(VALUE_SETS["annotations-without-persistence"])
    assert "Prometheus does not know" not in told
    assert "WARNING: without persistence.enabled" in told
    assert "WARNING: with config.api.auth: none" in told


def test_the_notes_wait_before_they_ask() -> None:
    """Right after the installation there is no pod that logs or ports could be read from."""
    commands = [line.split()[3] for line in notes(MINIMAL).splitlines() if "kubectl --n" in line]
    assert commands == ["rollout", "logs", "port-forward"]


def test_the_charts_own_test_finds_an_exporter_missing() -> None:
    url = f"http://127.0.0.1:{free_port()}/metrics"
    done = subprocess.run(
        [sys.executable, CHART / "files/scrape.py", url],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "refused" in done.stderr
