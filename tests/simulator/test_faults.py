import time

import pytest
import requests

from exporter.simulator import Fault, SimulatedGitLab, World
from exporter.simulator.faults import FaultBook
from tests.simulator.conftest import Caller


@pytest.fixture(autouse=True)
def project(world: World) -> None:
    world.add_project("group/app")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, "Retry later\n"),
        (500, '{"message": "500 Internal Server Error"}'),
        (403, '{"message": "403 Forbidden"}'),
    ],
)
def test_status_is_answered_at_once(
    gitlab: SimulatedGitLab, caller: Caller, status: int, body: str
) -> None:
    gitlab.faults.add(Fault("status", status=status, retry_after=7))
    response = caller.get("/projects")
    assert (response.status_code, response.text) == (status, body)
    assert response.headers["Retry-After"] == "7"


@pytest.mark.parametrize("status", [502, 503, 504])
def test_proxy_errors_are_pages(gitlab: SimulatedGitLab, caller: Caller, status: int) -> None:
    gitlab.faults.add(Fault("status", status=status))
    response = caller.get("/projects")
    assert response.status_code == status
    assert response.headers["Content-Type"] == "text/html"


def test_fault_ends_after_its_times_and_by_clearing(
    gitlab: SimulatedGitLab, caller: Caller
) -> None:
    gitlab.faults.add(Fault("status", times=2))
    assert [caller.get("/user").status_code for _ in range(3)] == [500, 500, 200]
    gitlab.faults.add(Fault("status"))
    assert caller.get("/user").status_code == 500
    gitlab.faults.clear()
    assert caller.get("/user").status_code == 200


def test_fault_hits_only_what_it_matches(gitlab: SimulatedGitLab, caller: Caller) -> None:
    gitlab.faults.add(Fault("status", match=r"/projects\?.*page=2"))
    assert caller.get("/projects", page=1).status_code == 200
    assert caller.get("/projects", page=2).status_code == 500


def test_timeout_outlasts_the_callers_patience(gitlab: SimulatedGitLab) -> None:
    gitlab.faults.add(Fault("timeout", delay=30))
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{gitlab.url}/api/v4/version", timeout=0.2)
    assert gitlab.requests[0].endpoint == "GET /version"


def test_timeout_answers_those_who_wait(gitlab: SimulatedGitLab, caller: Caller) -> None:
    gitlab.faults.add(Fault("timeout", delay=0.05))
    assert caller.get("/user").status_code == 200


def test_stopping_does_not_wait_for_a_timeout_without_caller(world: World) -> None:
    started = time.monotonic()
    with SimulatedGitLab(world) as server:
        server.faults.add(Fault("timeout", delay=60))
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(f"{server.url}/api/v4/version", timeout=0.1)
    assert time.monotonic() - started < 30


def test_reset_is_no_answer_at_all(gitlab: SimulatedGitLab, caller: Caller) -> None:
    gitlab.faults.add(Fault("reset", times=1))
    with pytest.raises(requests.exceptions.ConnectionError) as caught:
        caller.get("/projects")
    assert "Connection reset by peer" in str(caught.value)
    assert gitlab.requests[0].status == 0
    assert caller.get("/projects").status_code == 200


def test_cut_ends_in_mid_body(gitlab: SimulatedGitLab, caller: Caller) -> None:
    gitlab.faults.add(Fault("cut", times=1))
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        caller.get("/projects")
    assert caller.get("/projects").status_code == 200


def test_truncated_json_is_a_complete_answer(gitlab: SimulatedGitLab, caller: Caller) -> None:
    gitlab.faults.add(Fault("truncated_json"))
    response = caller.get("/projects")
    assert response.status_code == 200
    assert len(response.content) == int(response.headers["Content-Length"])
    with pytest.raises(requests.exceptions.JSONDecodeError):
        response.json()


def test_wrong_json_is_an_object_or_a_page(gitlab: SimulatedGitLab, caller: Caller) -> None:
    gitlab.faults.add(Fault("wrong_json"))
    assert isinstance(caller.get("/projects").json(), dict)
    assert caller.get("/projects/1").text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("kind", ["missing_fields", "null_fields"])
def test_fields_are_dropped_or_emptied_at_any_depth(
    gitlab: SimulatedGitLab, caller: Caller, kind: str
) -> None:
    gitlab.faults.add(Fault(kind, fields=("full_path", "name")))  # type: ignore[arg-type]
    (shown,) = caller.get("/projects").json()
    if kind == "missing_fields":
        assert "name" not in shown
        assert "full_path" not in shown["namespace"]
    else:
        assert shown["name"] is None
        assert shown["namespace"]["full_path"] is None
    assert shown["path"] == "app"


def test_slow_answer_is_whole_in_the_end(gitlab: SimulatedGitLab, caller: Caller) -> None:
    healthy = caller.get("/projects").json()
    gitlab.faults.add(Fault("slow", delay=0.1))
    response = caller.get("/projects")
    assert response.json() == healthy
    assert response.elapsed.total_seconds() < 5


def test_chance_comes_from_the_seed() -> None:
    def hits(seed: int) -> list[bool]:
        book = FaultBook(seed)
        book.add(Fault("status", probability=0.5))
        return [book.pick("/") is not None for _ in range(50)]

    assert hits(1) == hits(1) != hits(2)
    assert 10 < sum(hits(1)) < 40


def test_unknown_kind_and_pattern_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault"):
        Fault("flood")  # type: ignore[arg-type]
    with pytest.raises(Exception, match="unterminated"):
        Fault("status", match="[")


def test_fields_get_a_value_of_another_type(gitlab: SimulatedGitLab, caller: Caller) -> None:
    gitlab.faults.add(Fault("wrong_types", fields=("id", "namespace", "full_path")))
    (shown,) = caller.get("/projects").json()
    assert shown["id"] == {"unexpected": 1}
    assert shown["namespace"] == "unexpected"
    assert shown["path"] == "app"


def test_rows_are_repeated_or_turned_round(
    gitlab: SimulatedGitLab, caller: Caller, world: World
) -> None:
    world.add_project("group/other")
    rows = caller.ids("/projects")
    gitlab.faults.add(Fault("reordered_rows", times=1))
    gitlab.faults.add(Fault("repeated_rows", times=1))
    assert caller.ids("/projects") == rows[::-1]
    assert caller.ids("/projects") == [rows[0], rows[0], rows[1], rows[1]]
    assert caller.ids("/projects") == rows


def test_another_page_is_answered_than_the_one_asked_for(
    gitlab: SimulatedGitLab, caller: Caller, world: World
) -> None:
    for name in ("b", "c"):
        world.add_project(f"group/{name}")
    world.features.largest_page = 1
    pages = [caller.ids("/projects", page=number) for number in (1, 2, 3)]
    gitlab.faults.add(Fault("other_page"))
    assert caller.ids("/projects") == pages[1]
    assert [caller.ids("/projects", page=number) for number in (1, 2, 3)] == [
        pages[1],
        pages[0],
        pages[1],
    ]


def test_an_answer_is_dated_by_another_clock(gitlab: SimulatedGitLab, caller: Caller) -> None:
    gitlab.faults.add(Fault("skewed_clock", delay=-90))
    assert caller.get("/version").headers["Date"] == "Mon, 02 Mar 2026 11:58:30 GMT"
