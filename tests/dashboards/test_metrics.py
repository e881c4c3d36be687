"""The dashboards speak of exactly the metrics and labels that the exporter has."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from exporter.metrics import catalogue
from exporter.metrics.catalogue import Family
from tests.dashboards import promql
from tests.dashboards.dashboard_files import FILES, load

DASHBOARDS = [load(path) for path in FILES]


def _complaints(families: tuple[Family, ...]) -> list[str]:
    return [one for dashboard in DASHBOARDS for one in promql.complaints(dashboard, families)]


def _renamed_metrics() -> Iterator[tuple[Family, ...]]:
    for family in catalogue.EVERY:
        other = replace(family, name=family.name.replace("gitlab_", "gitlab_renamed_"))
        yield tuple(other if one is family else one for one in catalogue.EVERY)


def _renamed_labels() -> Iterator[tuple[str, tuple[Family, ...]]]:
    for label in sorted({label for family in catalogue.EVERY for label in family.labels}):
        yield (
            label,
            tuple(
                replace(
                    family,
                    labels=tuple("renamed" if one == label else one for one in family.labels),
                )
                for family in catalogue.EVERY
            ),
        )


def test_every_metric_and_label_of_the_dashboards_is_exposed() -> None:
    assert _complaints(catalogue.EVERY) == []


@pytest.mark.parametrize(
    "families", list(_renamed_metrics()), ids=[family.name for family in catalogue.EVERY]
)
def test_renaming_a_metric_is_noticed(families: tuple[Family, ...]) -> None:
    assert _complaints(families)


@pytest.mark.parametrize(("label", "families"), list(_renamed_labels()))
def test_renaming_a_label_is_noticed(label: str, families: tuple[Family, ...]) -> None:
    spoken_of = re.compile(rf"\b(label|by|shows) {label}\b")
    assert any(spoken_of.search(one) for one in _complaints(families))


def test_a_misspelt_label_of_one_metric_is_noticed() -> None:
    (dashboard,) = (one for one in DASHBOARDS if one["uid"] == "gitlab-dora-project")
    families = [
        replace(family, labels=tuple(one for one in family.labels if one != "percentile"))
        if family is catalogue.PROJECT.previous_lead_time
        else family
        for family in catalogue.EVERY
    ]
    assert promql.complaints(dashboard, families)
