from datetime import timedelta

import requests

from exporter.simulator import World
from tests.simulator.conftest import NOON, Caller


def links(response: requests.Response) -> dict[str, str]:
    return {relation: link["url"] for relation, link in response.links.items()}


def test_offset_page_counts_and_links(caller: Caller, world: World) -> None:
    for number in range(45):
        world.add_project(f"group/p{number:02}")
    response = caller.get("/groups/group/projects", page=2, per_page=20, order_by="id")
    assert {
        name: response.headers[f"X-{name}"]
        for name in ("Total", "Total-Pages", "Page", "Per-Page", "Next-Page", "Prev-Page")
    } == {
        "Total": "45",
        "Total-Pages": "3",
        "Page": "2",
        "Per-Page": "20",
        "Next-Page": "3",
        "Prev-Page": "1",
    }
    found = links(response)
    assert set(found) == {"prev", "next", "first", "last"}
    last = requests.get(found["last"], headers={"PRIVATE-TOKEN": "sim-token"}, timeout=5)
    assert [row["id"] for row in last.json()] == [5, 4, 3, 2, 1]
    assert last.headers["X-Next-Page"] == ""


def test_page_size_defaults_to_20_and_ends_at_100(caller: Caller, world: World) -> None:
    for number in range(101):
        world.add_project(f"group/p{number}")
    assert len(caller.ids("/projects")) == 20
    assert len(caller.ids("/projects", per_page=500)) == 100


def test_page_beyond_the_end_is_empty(caller: Caller, world: World) -> None:
    world.add_project("group/app")
    response = caller.get("/projects", page=9)
    assert response.json() == []
    assert response.headers["X-Next-Page"] == ""


def test_totals_are_kept_back_above_10000_rows(caller: Caller, world: World) -> None:
    environment = world.add_environment(world.add_project("group/app"), "production")
    for second in range(10_000):
        world.add_deployment(environment, created_at=NOON + timedelta(seconds=second))
    path = "/projects/1/deployments"
    assert caller.get(path).headers["X-Total"] == "10000"
    world.add_deployment(environment, created_at=NOON)
    response = caller.get(path)
    assert not {"X-Total", "X-Total-Pages"} & set(response.headers)
    assert set(links(response)) == {"next", "first"}
    assert response.headers["X-Next-Page"] == "2"


def test_keyset_pages_lead_to_every_project_once(caller: Caller, world: World) -> None:
    for number in range(7):
        world.add_project(f"group/p{number}")
    response = caller.get("/projects", pagination="keyset", order_by="id", sort="asc", per_page=3)
    seen = [row["id"] for row in response.json()]
    while "next" in response.links:
        response = requests.get(
            response.links["next"]["url"], headers={"PRIVATE-TOKEN": "sim-token"}, timeout=5
        )
        seen += [row["id"] for row in response.json()]
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert "X-Total" not in response.headers


def test_keyset_needs_the_order_by_id(caller: Caller) -> None:
    assert caller.get("/projects", pagination="keyset").status_code == 405


def test_deep_offset_into_projects_is_refused(caller: Caller) -> None:
    response = caller.get("/projects", page=502, per_page=100)
    assert response.status_code == 405
    assert "maximum allowed offset of 50000" in response.json()["error"]
