import json
import re
from itertools import combinations
from pathlib import Path

import pytest

from exporter.metrics import catalogue
from tests.dashboards import promql
from tests.dashboards.dashboard_files import (
    FILES,
    Json,
    drawn,
    load,
    panels,
    queries,
    query_variables,
    variables,
)

PANEL_TYPES = {"bargauge", "heatmap", "row", "stat", "table", "text", "timeseries"}
"""What Grafana 7.4 has and newer versions still have."""

OPTIONS = {
    "bargauge": {"displayMode", "orientation", "reduceOptions", "showUnfilled", "text"},
    "stat": {
        *("colorMode", "graphMode", "justifyMode", "orientation"),
        *("reduceOptions", "text", "textMode"),
    },
    "table": {"showHeader", "sortBy"},
    "timeseries": {"legend", "tooltipOptions"},
}
"""The options that panels of Grafana 7.5 have."""

UIDS = {load(path)["uid"] for path in FILES}
_OF_DASHBOARD_LINKS = re.compile(r"/d/([\w-]+)")

every_dashboard = pytest.mark.parametrize(
    "dashboard", [load(path) for path in FILES], ids=[path.stem for path in FILES]
)


def _overlap(one: Json, other: Json) -> bool:
    return bool(
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def _links(dashboard: Json) -> list[str]:
    urls = [link["url"] for link in dashboard["links"]]
    for panel in drawn(dashboard):
        config = panel["fieldConfig"]
        urls += (link["url"] for link in config["defaults"].get("links", ()))
        for override in config["overrides"]:
            for one in override["properties"]:
                if one["id"] == "links":
                    urls += (link["url"] for link in one["value"])
    return urls


def test_there_are_four_with_stable_uids() -> None:
    assert sorted(load(path)["uid"] for path in FILES) == [
        "gitlab-dora-exporter",
        "gitlab-dora-group",
        "gitlab-dora-overview",
        "gitlab-dora-project",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_text_is_in_one_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@every_dashboard
def test_opens_from_grafana_7_5_on(dashboard: Json) -> None:
    assert dashboard["schemaVersion"] == 27
    assert dashboard["id"] is None
    assert not {"__inputs", "__requires"} & set(dashboard)
    assert {panel["type"] for panel in panels(dashboard)} <= PANEL_TYPES
    for panel in drawn(dashboard):
        assert set(panel["options"]) <= OPTIONS[panel["type"]], panel["title"]


@every_dashboard
def test_explains_itself(dashboard: Json) -> None:
    assert dashboard["title"]
    assert dashboard["description"]
    for panel in drawn(dashboard):
        assert panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
    for variable in variables(dashboard):
        assert variable["label"]
        assert variable["description"]


@every_dashboard
def test_titles_ids_and_letters_are_unique(dashboard: Json) -> None:
    for name in ("id", "title"):
        seen = [panel[name] for panel in panels(dashboard)]
        assert len(seen) == len(set(seen))
    for panel in drawn(dashboard):
        letters = [target["refId"] for target in panel["targets"]]
        assert letters
        assert len(letters) == len(set(letters))


@every_dashboard
def test_panels_fill_the_page_without_overlap(dashboard: Json) -> None:
    places = [panel["gridPos"] for panel in panels(dashboard)]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    assert not [pair for pair in combinations(places, 2) if _overlap(*pair)]
    area = sum(place["w"] * place["h"] for place in places)
    assert area == 24 * max(place["y"] + place["h"] for place in places)


@every_dashboard
def test_every_panel_has_unit_thresholds_and_a_text_for_nothing(dashboard: Json) -> None:
    for panel in drawn(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["unit"], panel["title"]
        assert defaults["thresholds"]["steps"], panel["title"]
        assert defaults["noValue"], panel["title"]


@every_dashboard
def test_only_requests_are_counted_in_requests(dashboard: Json) -> None:
    in_requests = {
        expression
        for panel in panels(dashboard)
        if panel.get("fieldConfig", {}).get("defaults", {}).get("unit") == "reqps"
        for expression in (target["expr"] for target in panel["targets"])
    }
    assert all("requests_total" in one for one in in_requests)


@every_dashboard
def test_what_is_missing_is_not_shown_as_a_number(dashboard: Json) -> None:
    """Nothing scraped is not zero; `test_queries.py` asks Prometheus the same of the queries."""
    for panel in panels(dashboard):
        told = panel.get("fieldConfig", {}).get("defaults", {}).get("noValue", "")
        assert not any(map(str.isdigit, told)), panel["title"]


@every_dashboard
def test_thresholds_rise_from_a_neutral_base(dashboard: Json) -> None:
    for panel in drawn(dashboard):
        config = panel["fieldConfig"]
        overrides = [one for rule in config["overrides"] for one in rule["properties"]]
        found = [config["defaults"]["thresholds"]]
        found += [one["value"] for one in overrides if one["id"] == "thresholds"]
        for thresholds in found:
            base, *steps = thresholds["steps"]
            values = [step["value"] for step in steps]
            assert base["value"] is None
            assert base["color"] == "#8e8e8e", "an absent value would look good or bad"
            assert values == sorted(set(values))


@every_dashboard
def test_overrides_name_columns_that_are_there(dashboard: Json) -> None:
    for panel in drawn(dashboard):
        if panel["type"] != "table":
            assert not panel["fieldConfig"]["overrides"]
            continue
        organize = next(one for one in panel["transformations"] if one["id"] == "organize")
        names = organize["options"]["renameByName"]
        for override in panel["fieldConfig"]["overrides"]:
            assert override["matcher"]["options"] in names.values(), panel["title"]
        assert panel["options"]["sortBy"][0]["displayName"] in names.values()
        values = {f"Value #{target['refId']}" for target in panel["targets"]}
        assert values <= set(names)
        for target in panel["targets"]:
            grouping = promql.take_apart(target["expr"]).grouping
            assert grouping == set(names) - values, "rows would not find each other"


@every_dashboard
def test_no_data_source_is_hard_coded(dashboard: Json) -> None:
    first = variables(dashboard)[0]
    assert (first["name"], first["type"], first["query"]) == (
        "datasource",
        "datasource",
        "prometheus",
    )
    assert first["current"] == {}
    used = {panel["datasource"] for panel in drawn(dashboard)}
    used |= {variable["datasource"] for variable in query_variables(dashboard)}
    assert used == {"${datasource}"}
    assert dashboard["annotations"] == {"list": []}


@every_dashboard
def test_variables_are_defined_before_use_and_used(dashboard: Json) -> None:
    defined: set[str] = set()
    used = {"datasource"}
    for variable in variables(dashboard):
        if variable["type"] == "query":
            needed = promql.variables_of(variable["query"]["query"])
            assert needed <= defined, variable["name"]
            assert variable["definition"] == variable["query"]["query"]
            used |= needed
        defined.add(variable["name"])
    for query in queries(dashboard):
        needed = promql.variables_of(query.expression) - set(promql.BUILT_IN)
        assert needed <= defined, query
        used |= needed
    for link in dashboard["links"]:
        needed = promql.variables_of(link["url"])
        assert needed <= defined, link
        used |= needed
    assert used == defined


@every_dashboard
def test_defaults(dashboard: Json) -> None:
    by_name = {variable["name"]: variable for variable in variables(dashboard)}
    assert dashboard["refresh"] == "5m"
    if dashboard["uid"] == "gitlab-dora-exporter":
        assert dashboard["time"] == {"from": "now-24h", "to": "now"}
        return
    assert dashboard["time"] == {"from": "now-90d", "to": "now"}
    assert by_name["environment_tier"]["current"]["value"] == "production"
    assert by_name["window"]["current"]["value"] == "30d"


@every_dashboard
def test_links_lead_to_the_other_dashboards_and_keep_the_variables(dashboard: Json) -> None:
    led_to = {uid for url in _links(dashboard) for uid in _OF_DASHBOARD_LINKS.findall(url)}
    assert led_to == UIDS - {dashboard["uid"]}
    assert all(link["includeVars"] for link in dashboard["links"] if link["url"].startswith("/d/"))
    targets = {load(path)["uid"]: variables(load(path)) for path in FILES}
    own = {variable["name"] for variable in variables(dashboard)}
    for url in filter(lambda one: one.startswith("/d/"), _links(dashboard)):
        uid, _, query = url.removeprefix("/d/").partition("?")
        if query:
            *given, time_range = query.split("&")
            assert time_range == "${__url_time_range}"
            passed = dict(one.removeprefix("var-").split("=") for one in given)
            # What is written by hand has to be known here.
            assert set(passed) == {
                variable["name"]
                for variable in targets[uid]
                if variable["type"] != "textbox" or variable["name"] in own
            }
            for name, value in passed.items():
                assert value == f"${{{name}}}" or value.startswith(("${__value.", "${__field."))
                assert promql.variables_of(value) & own or "${__" in value


@every_dashboard
def test_every_query_is_promql(dashboard: Json) -> None:
    for query in queries(dashboard):
        promql.parse(query.expression)


@every_dashboard
def test_windows_and_percentiles_are_never_mixed(dashboard: Json) -> None:
    labels = {family.name: family.labels for family in catalogue.EVERY}
    for query in queries(dashboard):
        for metric, matchers in promql.take_apart(query.expression).matchers.items():
            for label in {"window", "percentile"} & set(labels[metric]):
                assert label in matchers, query


@every_dashboard
def test_groups_are_never_summed(dashboard: Json) -> None:
    for query in queries(dashboard):
        if "gitlab_dora_group_" in query.expression:
            assert not re.search(r"\b(sum|avg|count|quantile)\b", query.expression), query


LEVELS: dict[str, dict[str, tuple[float, float]]] = {
    "Frequency level": {
        "Elite": (1, 14),
        "High": (1 / 7, 0.9),
        "Medium": (1 / 30, 0.14),
        "Low": (0, 0.03),
    },
    "Lead time level": {
        "Elite": (0, 86_399),
        "High": (86_400, 604_799),
        "Medium": (604_800, 2_591_999),
        "Low": (2_592_000, 90_000_000),
    },
}
"""Least and largest values of each performance level."""


@pytest.mark.parametrize("column", LEVELS)
def test_words_and_colours_of_performance_levels_agree(column: str) -> None:
    (overview,) = (one for one in map(load, FILES) if one["uid"] == "gitlab-dora-overview")
    (properties,) = (
        {one["id"]: one["value"] for one in rule["properties"]}
        for panel in drawn(overview)
        for rule in panel["fieldConfig"]["overrides"]
        if rule["matcher"]["options"] == column
    )
    colours = {"Elite": "green", "High": "blue", "Medium": "orange", "Low": "red"}
    for level, values in LEVELS[column].items():
        for value in values:
            word = next(
                one["text"]
                for one in properties["mappings"]
                if float(one["from"]) <= value <= float(one["to"])
            )
            _, *steps = properties["thresholds"]["steps"]
            colour = [step["color"] for step in steps if step["value"] <= value][-1]
            assert word == level
            assert colour == f"semi-dark-{colours[level]}"
