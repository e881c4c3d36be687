"""Every query of every panel and variable draws data from a real Prometheus."""

import math
import time
from collections.abc import Iterable

import pytest

from tests.dashboards import promql
from tests.dashboards.dashboard_files import FILES, Json, load, queries, query_variables
from tests.dashboards.grafana import Asker, Selection
from tests.dashboards.reasons import reason_for_nothing

every_dashboard = pytest.mark.parametrize(
    "dashboard", [load(path) for path in FILES], ids=[path.stem for path in FILES]
)


def _unexplained(asker: Asker, dashboard: Json, selections: Iterable[Selection]) -> list[str]:
    """Return the queries that draw nothing, or no number, without a reason."""
    now = time.time()
    seen: set[str] = set()
    wrong = []
    for chosen in selections:
        for query in queries(dashboard):
            filled = promql.fill_in(query.expression, chosen)
            if filled + query.step in seen:
                continue
            seen.add(filled + query.step)
            numbers = asker.numbers(query, chosen, now)
            if not all(map(math.isfinite, numbers)):
                wrong.append(f"{query} of {chosen} draws {numbers}")
            if not numbers and not reason_for_nothing(filled, lambda one: asker.vector(one, now)):
                wrong.append(f"{query} of {chosen} draws nothing")
    return wrong


@pytest.mark.long
@every_dashboard
def test_opens_with_data_in_every_panel(asker: Asker, dashboard: Json) -> None:
    assert _unexplained(asker, dashboard, [asker.default(dashboard)]) == []


@every_dashboard
def test_variables_offer_their_defaults(asker: Asker, dashboard: Json) -> None:
    chosen = asker.default(dashboard)
    for variable in query_variables(dashboard):
        wanted = variable["current"].get("value")
        if isinstance(wanted, str):
            assert chosen[variable["name"]] == wanted


def test_a_query_of_nothing_is_noticed(asker: Asker) -> None:
    (dashboard,) = (one for one in map(load, FILES) if one["uid"] == "gitlab-dora-project")
    chosen = asker.default(dashboard) | {"project": "acme/nowhere"}
    assert len(_unexplained(asker, dashboard, [chosen])) == len(list(queries(dashboard)))


@every_dashboard
def test_where_nothing_is_scraped_nothing_is_drawn(asker: Asker, dashboard: Json) -> None:
    """A zero there would say that nobody deploys, or that no project is polled."""
    now, chosen = time.time(), asker.default(dashboard)
    nowhere = chosen | {
        name: "nowhere"
        for name in ("environment_tier", "group", "instance", "level", "project")
        if name in chosen
    }
    drawn = {one.expression for one in queries(dashboard) if asker.numbers(one, nowhere, now)}
    assert drawn == set()


@pytest.mark.long
@pytest.mark.timeout(900)
@every_dashboard
def test_every_choice_of_every_variable_draws_data(asker: Asker, dashboard: Json) -> None:
    selections = list(asker.selections(dashboard))
    assert selections
    assert _unexplained(asker, dashboard, selections) == []


@pytest.mark.long
def test_every_query_draws_data_for_some_choice(asker: Asker) -> None:
    """A query that is excused everywhere would show nothing to anybody."""
    now = time.time()
    for dashboard in map(load, FILES):
        missing = set(queries(dashboard))
        for chosen in asker.selections(dashboard):
            missing -= {one for one in missing if asker.numbers(one, chosen, now)}
            if not missing:
                break
        assert not missing
