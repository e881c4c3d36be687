"""The links to explanations lead to answers of an exporter."""

import re
from pathlib import Path

import pytest

from tests.dashboards.dashboard_files import FILES, Json, load, variables
from tests.dashboards.promql import fill_in
from tests.filling import filled, opened, utc

_DATE = re.compile(r"\$\{__(from|to):date:YYYY-MM-DD\}")
RANGE = {"from": "2021-03-01", "to": "2021-03-31"}
NOW = utc("2021-03-31T10:00")
KINDS = {"gitlab-dora-group": "group", "gitlab-dora-project": "project"}


def explain_links(dashboard: Json) -> list[Json]:
    return [one for one in dashboard["links"] if "/dora/explain" in one["url"]]


def addresses(dashboard: Json, **chosen: str) -> list[str]:
    """Return what Grafana makes of the links while a month is shown."""
    values = {one["name"]: str(one["current"].get("value", "")) for one in variables(dashboard)}
    return [
        fill_in(_DATE.sub(lambda found: RANGE[found[1]], link["url"]), {**values, **chosen})
        for link in explain_links(dashboard)
    ]


@pytest.mark.parametrize("dashboard", list(map(load, FILES)), ids=lambda one: one["uid"])
def test_projects_and_groups_are_explained_and_nothing_else(dashboard: Json) -> None:
    explained = dashboard["uid"] in KINDS
    assert len(explain_links(dashboard)) == (2 if explained else 0)
    named = [one for one in variables(dashboard) if one["name"] == "exporter"]
    assert len(named) == (1 if explained else 0)
    assert all(
        one["type"] == "textbox" and one["current"]["value"] == one["query"] for one in named
    )
    assert all(one["targetBlank"] and one["tooltip"] for one in explain_links(dashboard))


def test_links_lead_to_what_is_behind_the_numbers(tmp_path: Path) -> None:
    with filled(tmp_path, NOW) as filling:
        filling.scope({1: "acme/my.shop/app_1"}, {5: "acme", 6: "acme/my.shop"})
        noon = utc("2021-03-02T12:00")
        filling.deploy(filling.environment(1), noon, [utc("2021-03-02T10:00")])
        filling.poll()
        with opened(filling.store, filling.clock) as client:
            for dashboard in map(load, FILES):
                found = addresses(dashboard, group="acme/my.shop", project="acme/my.shop/app_1")
                metrics = []
                for url in found:
                    assert url.startswith("http://localhost:10143/dora/explain?")
                    answer = client.get(url.removeprefix("http://localhost:10143")).json()
                    assert (answer["start_date"], answer["end_date"]) == tuple(RANGE.values())
                    assert [one["deployment"]["project_id"] for one in answer["parts"]] == [1]
                    assert answer["environment_tiers"] == ["production"]
                    metrics.append(answer["metric"])
                expected = {"deployment_frequency", "lead_time_for_changes"}
                assert set(metrics) == (expected if dashboard["uid"] in KINDS else set())
