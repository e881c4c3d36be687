import requests

from exporter.simulator import SimulatedGitLab
from tests.simulator.conftest import Caller


def test_requests_are_listed_and_forgotten(gitlab: SimulatedGitLab, caller: Caller) -> None:
    caller.get("/projects/group%2Fapp/deployments", per_page=1)
    url = f"{gitlab.url}/-/sim/requests"
    assert requests.get(url, timeout=5).json() == [
        {
            "method": "GET",
            "path": "/api/v4/projects/group%2Fapp/deployments",
            "query": "per_page=1",
            "endpoint": "GET /projects/:id/deployments",
            "status": 404,
            "at": "2026-03-02T12:00:00+00:00",
            "came": "2026-03-02T12:00:00+00:00",
        }
    ]
    assert requests.delete(url, timeout=5).status_code == 204
    assert requests.get(url, timeout=5).json() == []


def test_faults_are_set_and_taken_back(gitlab: SimulatedGitLab, caller: Caller) -> None:
    url = f"{gitlab.url}/-/sim/faults"
    assert requests.post(url, json={"kind": "status", "status": 503}, timeout=5).ok
    assert caller.get("/user").status_code == 503
    requests.delete(url, timeout=5)
    assert caller.get("/user").status_code == 200


def test_nonsense_is_no_fault(gitlab: SimulatedGitLab) -> None:
    url = f"{gitlab.url}/-/sim/faults"
    for body in ({"kind": "flood"}, {"colour": "red"}):
        assert requests.post(url, json=body, timeout=5).status_code == 400
