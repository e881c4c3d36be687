"""The rules speak of exactly the metrics and labels that the exporter has."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from exporter.metrics import catalogue
from exporter.metrics.catalogue import Family
from tests.dashboards.dashboard_files import Json
from tests.dashboards.promql import SCRAPE_LABELS, complaints, take_apart
from tests.rules.rule_files import ALERTS

UP = Family("up", "gauge", (), "What Prometheus itself says of a target.")
KNOWN = (*catalogue.EVERY, UP)
ADDED = {*SCRAPE_LABELS, "pod", "severity"}
"""Labels that Prometheus, Kubernetes and the rules add."""

_LABEL = re.compile(r"\$labels\.(\w+)")


def _as_dashboard(alert: str) -> Json:
    """Show an alert as a panel whose legend has the labels of the annotations."""
    rule = ALERTS[alert]
    spoken = sorted(set(_LABEL.findall(" ".join(rule["annotations"].values()))))
    target = {
        "refId": "A",
        "expr": rule["expr"].replace("(instance, pod)", "(instance)"),
        "legendFormat": " ".join(f"{{{{{label}}}}}" for label in spoken),
        "instant": True,
        "interval": "",
    }
    panel = {"title": alert, "type": "table", "targets": [target]}
    return {"uid": "rules", "panels": [panel], "templating": {"list": []}}


def _complaints(families: Iterable[Family]) -> list[str]:
    known = tuple(families)
    return [one for alert in ALERTS for one in complaints(_as_dashboard(alert), known)]


def _used() -> set[str]:
    return {name for rule in ALERTS.values() for name in take_apart(rule["expr"]).metrics}


def _renamed_labels() -> Iterator[tuple[str, tuple[Family, ...]]]:
    for label in ("project_id", "project", "group", "environment_tier", "window", "percentile"):
        yield (
            label,
            tuple(
                replace(
                    family,
                    labels=tuple("renamed" if one == label else one for one in family.labels),
                )
                for family in KNOWN
            ),
        )


def test_every_metric_and_label_of_the_rules_is_exposed() -> None:
    assert _complaints(KNOWN) == []


@pytest.mark.parametrize("metric", sorted(_used() - {UP.name}))
def test_renaming_a_metric_is_noticed(metric: str) -> None:
    renamed = [
        replace(one, name=one.name.replace("gitlab_", "gitlab_renamed_"))
        if one.name == metric
        else one
        for one in KNOWN
    ]
    assert any(one.endswith(f"no metric {metric}") for one in _complaints(renamed))


@pytest.mark.parametrize(("label", "families"), list(_renamed_labels()))
def test_renaming_a_label_is_noticed(label: str, families: tuple[Family, ...]) -> None:
    spoken_of = re.compile(rf"\b(label|by|shows) {label}\b")
    assert any(spoken_of.search(one) for one in _complaints(families))


@pytest.mark.parametrize("alert", ALERTS)
def test_windows_percentiles_and_tiers_are_pinned(alert: str) -> None:
    """Else an alert would compare one window with another, or come once for each of them."""
    labels = {family.name: set(family.labels) for family in KNOWN}
    for metric, matchers in take_apart(ALERTS[alert]["expr"]).matchers.items():
        assert {"window", "percentile", "environment_tier"} & labels[metric] <= set(matchers)
