"""Every value set becomes objects that clusters take, and shows no secret."""

import base64

import pytest
import yaml

from tests.helm.engine import NAMESPACE, RELEASE, lint, notes, render
from tests.helm.object_schemas import OLDEST, check, versions
from tests.helm.value_sets import MINIMAL, VALUE_SETS, minimal, of_kind, only

SECRET = "SecretOfTheTests"

each_value_set = pytest.mark.parametrize("name", VALUE_SETS)


def assert_taken(version: str) -> None:
    """Check the objects of all value sets; what they have in common is checked once."""
    for name, values in VALUE_SETS.items():
        for manifest in render(values):
            try:
                check(manifest, version)
            except ValueError as error:
                pytest.fail(f"{name}: {version}: {manifest['kind']}: {error}")


def test_there_are_value_sets_for_all_that_can_be_installed() -> None:
    kinds = {one["kind"] for values in VALUE_SETS.values() for one in render(values)}
    assert len(VALUE_SETS) >= 12
    assert kinds == {
        "ConfigMap",
        "Deployment",
        "Ingress",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "Pod",
        "PodDisruptionBudget",
        "PrometheusRule",
        "Secret",
        "Service",
        "ServiceAccount",
        "ServiceMonitor",
    }


def test_the_oldest_kubernetes_takes_them() -> None:
    assert_taken(OLDEST)


def test_the_newest_kubernetes_takes_them() -> None:
    assert float(versions()[-1].removeprefix("1.")) >= 36
    assert_taken(versions()[-1])


@pytest.mark.long
def test_every_kubernetes_between_takes_them() -> None:
    for version in versions()[1:-1]:
        assert_taken(version)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", ("spec", "replica"), 1),
        ("Deployment", ("spec", "template", "spec", "containers"), {}),
        ("Service", ("spec", "ports"), "http"),
        ("ServiceMonitor", ("spec", "endpoints", 0, "intervall"), "1m"),
        ("ServiceMonitor", ("spec", "endpoints", 0, "interval"), "1 minute"),
        ("ServiceMonitor", ("spec", "endpoints", 0, "scheme"), "gopher"),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0, "for"), "soon"),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0, "severity"), "info"),
    ],
)
def test_wrong_objects_would_be_found(
    kind: str, path: tuple[str | int, ...], value: object
) -> None:
    manifest = only(render(VALUE_SETS["rules-as-they-are"]), kind)
    check(manifest, OLDEST)
    *way, last = path
    place = manifest
    for part in way:
        place = place[part]  # type: ignore[index]
    place[last] = value  # type: ignore[index]
    with pytest.raises(ValueError, match=r"[a-z]"):
        check(manifest, OLDEST)


@pytest.mark.long
@each_value_set
def test_helm_finds_no_fault_with_values(name: str) -> None:
    assert lint(VALUE_SETS[name]) == []


def test_helm_finds_no_fault() -> None:
    assert lint() == []
    assert lint(MINIMAL) == []


@each_value_set
def test_secrets_stand_in_secrets_only(name: str) -> None:
    for manifest in render(VALUE_SETS[name]):
        text = yaml.safe_dump(manifest)
        assert SECRET not in text
        assert base64.b64encode(SECRET.encode())[:-4].decode() not in text.replace("\n", "") or (
            manifest["kind"] == "Secret"
        )
        if manifest["kind"] == "ConfigMap":
            assert "$2y$" not in text
    assert SECRET not in notes(VALUE_SETS[name])


def test_secrets_of_values_become_a_secret() -> None:
    data = {
        key: base64.b64decode(value).decode()
        for name in ("secrets-of-the-chart", "postgresql", "web-tls")
        for key, value in only(render(VALUE_SETS[name]), "Secret")["data"].items()
    }
    web = yaml.safe_load(data.pop("web.yml"))
    assert data == {
        "gitlab-token": f"glpat-{SECRET}",
        "webhook-secret": f"webhook-{SECRET}",
        "postgresql-password": f"p@ss:w/{SECRET}",
    }
    assert web["basic_auth_users"]["prometheus"].startswith("$2y$")


def test_without_secrets_in_values_there_is_no_secret() -> None:
    assert of_kind(render(MINIMAL), "Secret") == []


@each_value_set
def test_names_are_those_of_the_release_and_fit(name: str) -> None:
    values = VALUE_SETS[name]
    own = str(values.get("fullnameOverride") or f"{RELEASE}-gitlab-dora-exporter")[:52].rstrip("-")
    if values.get("nameOverride"):
        own = RELEASE  # the release bears the name already
    namespace = values.get("namespaceOverride", NAMESPACE)
    extra = [one["metadata"]["name"] for one in values.get("extraManifests", [])]
    seen = set()
    for manifest in render(values):
        told = manifest["metadata"]
        if told["name"] in extra:
            continue
        if manifest["kind"] != "ServiceAccount":
            assert told["name"].startswith(own)
        assert len(told["name"]) <= 63
        assert told["namespace"] in (namespace, "monitoring", "grafana")
        assert told["labels"]["app.kubernetes.io/instance"] == RELEASE
        assert (manifest["kind"], told["name"]) not in seen
        seen.add((manifest["kind"], told["name"]))


def test_a_release_of_the_charts_name_is_not_named_twice() -> None:
    manifests = render(MINIMAL, release="gitlab-dora-exporter")
    assert only(manifests, "Deployment")["metadata"]["name"] == "gitlab-dora-exporter"


def test_labels_for_all_are_on_all() -> None:
    for manifest in render({**VALUE_SETS["rules-as-they-are"], "commonLabels": {"team": "a"}}):
        assert manifest["metadata"]["labels"]["team"] == "a"


def test_the_service_and_the_budget_choose_the_pods_and_not_the_test() -> None:
    values = minimal(podDisruptionBudget={"enabled": True}, networkPolicy={"enabled": True})
    manifests = render(values)
    spec = only(manifests, "Deployment")["spec"]
    labels = spec["template"]["metadata"]["labels"].items()
    selectors = [
        spec["selector"]["matchLabels"],
        only(manifests, "Service")["spec"]["selector"],
        only(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    for selector in selectors:
        assert selector.items() <= labels
        assert not selector.items() <= only(manifests, "Pod")["metadata"]["labels"].items()
