"""GitLab that does not answer, or not as it should: 503, and nothing is remembered of it."""

import socket
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from exporter.simulator import Fault
from tests.access.answers import UNAVAILABLE, Said, granted
from tests.access.estate import Estate, HeldClock, Target, access_to, ask

REQUESTS = {
    "who": r"/user(\?|$)",
    "what": r"/(projects|groups)/[0-9]+(\?|$)",
    "role": r"/members/all/",
}

FAULTS: dict[str, dict[str, object]] = {
    "500": {"kind": "status", "status": 500},
    "502": {"kind": "status", "status": 502},
    "503": {"kind": "status", "status": 503},
    "429": {"kind": "status", "status": 429, "retry_after": 3600},
    "400": {"kind": "status", "status": 400},
    "timeout": {"kind": "timeout", "delay": 30.0},
    "reset": {"kind": "reset"},
    "cut": {"kind": "cut"},
    "truncated_json": {"kind": "truncated_json"},
    "wrong_json": {"kind": "wrong_json"},
    "without id": {"kind": "missing_fields", "fields": ("id",)},
    "null id": {"kind": "null_fields", "fields": ("id",)},
}


@pytest.fixture
def impatient(estate: Estate, clock: HeldClock) -> Iterator[TestClient]:
    """Pages that give GitLab a second."""
    access = estate.access(clock, timeout=1.0)
    with estate.client(access) as opened:
        yield opened
    access._callers.close()


@pytest.fixture
def faulty(estate: Estate) -> Iterator[Estate]:
    """The estate, which works again afterwards."""
    yield estate
    estate.gitlab.faults.clear()


def _developer_by_invitation(estate: Estate, target: Target) -> str:
    """Return the token of somebody about whom everything has to be asked."""
    user, token = estate.user()
    group = estate.group()
    estate.world.add_member(group, user, 30)
    estate.world.share_group(target.thing, group, 30)
    return token.value


@pytest.mark.parametrize("path", ["acme/team/app", "acme/team"])
@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_failing_gitlab_is_503_and_asked_again(
    faulty: Estate, impatient: TestClient, fault: str, request_: str, path: str
) -> None:
    target = faulty.targets[path]
    token = _developer_by_invitation(faulty, target)
    fields: dict[str, object] = {"times": 1, "match": REQUESTS[request_], **FAULTS[fault]}
    faulty.gitlab.requests.clear()
    met = faulty.gitlab.faults.add(Fault(**fields))  # type: ignore[arg-type]
    assert Said.by(ask(impatient, target, token)) == UNAVAILABLE
    assert met.times == 0
    assert Said.by(ask(impatient, target, token)) == granted(target)
    asked = [record.endpoint.split(":id")[-1] for record in faulty.gitlab.requests]
    assert len(asked) > len(set(asked)), "the request that failed is made once more"


@pytest.mark.parametrize("fault", ["500", "429", "reset", "wrong_json"])
def test_gitlab_that_fails_for_long_ends_old_verdicts(
    faulty: Estate, impatient: TestClient, clock: HeldClock, fault: str
) -> None:
    target = faulty.targets["acme/team/app"]
    token = _developer_by_invitation(faulty, target)
    assert Said.by(ask(impatient, target, token)) == granted(target)
    faulty.gitlab.faults.add(Fault(**FAULTS[fault]))  # type: ignore[arg-type]
    clock.advance(59.9)
    assert Said.by(ask(impatient, target, token)) == granted(target)
    clock.advance(0.1)
    for _ in range(3):
        faulty.gitlab.requests.clear()
        assert Said.by(ask(impatient, target, token)) == UNAVAILABLE
        assert len(faulty.gitlab.requests) == 1
        clock.advance(30)


def test_one_caller_over_gitlabs_limit_holds_up_no_other(
    faulty: Estate, impatient: TestClient
) -> None:
    target = faulty.targets["acme/team/app"]
    spent, other = (_developer_by_invitation(faulty, target) for _ in range(2))
    faulty.gitlab.faults.add(Fault("status", status=429, retry_after=3600, times=1))
    assert ask(impatient, target, spent).status_code == 503
    assert ask(impatient, target, other).status_code == 200


def test_gitlab_that_is_not_there(estate: Estate, clock: HeldClock) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        access = access_to(url, clock, estate.service, timeout=1.0)
        with estate.client(access) as client:
            for target in estate.targets.values():
                assert Said.by(ask(client, target, "Secret-of-somebody")) == UNAVAILABLE
        access._callers.close()


def test_no_token_needs_no_gitlab(faulty: Estate, impatient: TestClient) -> None:
    faulty.gitlab.faults.add(Fault("reset"))
    target = faulty.targets["acme/team/app"]
    assert ask(impatient, target, None).status_code == 401
