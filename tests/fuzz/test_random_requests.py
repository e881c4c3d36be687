"""Any request at all: no 5xx, no hang, no data without right."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
import requests

from tests.fuzz import asgi_door
from tests.fuzz.answered import Answered, is_scrape
from tests.fuzz.exporters import CANARIES, Estate, Process, polled
from tests.fuzz.random_requests import RandomRequests, RawRequest
from tests.fuzz.raw_connection import RawConnection


class Judge:
    """Looks at each answer, and counts what came."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.canaries = 0

    def look(self, request: RawRequest, answered: Answered, *, everybody: bool = False) -> None:
        """Fail on an answer that must not be."""
        self.statuses[answered.status] += 1
        flaw = answered.flaw()
        assert flaw is None, f"{flaw}: {request}: {answered}"
        if is_scrape(answered) or not any(canary in answered.text() for canary in CANARIES):
            return
        self.canaries += 1
        assert everybody or "reader" in request.callers, f"a leak: {request}: {answered}"


def _requests(estate: Estate, seed: int) -> RandomRequests:
    return RandomRequests(seed, paths=estate.paths, tokens=estate.tokens)


def _through_asgi(estate: Estate, folder: Path, *, auth: str, seed: int, number: int) -> Judge:
    judge, making = Judge(), _requests(estate, seed)

    async def run() -> None:
        app = service.app()
        while judge.statuses.total() < number:
            request = making.next()
            if asgi_door.passes(request):
                judge.look(request, await asgi_door.call(app, request), everybody=auth == "none")

    with polled(estate, folder, auth=auth) as service:
        asyncio.run(run())
    return judge


def _through_socket(estate: Estate, process: Process, *, seed: int, number: int) -> Judge:
    judge, making = Judge(), _requests(estate, seed)
    with RawConnection(process.port) as connection:
        for _ in range(number):
            request = making.next()
            try:
                answered = connection.send(request)
            except (TimeoutError, EOFError) as error:
                raise AssertionError(f"no answer: {error!r}: {request}") from error
            judge.look(request, answered)
        assert connection.connections < number, "connections are kept"
    return judge


def _check(judge: Judge, *, open_to_all: bool = False) -> None:
    """Make sure that the requests came through to where there is something to leak."""
    assert judge.canaries > 0
    assert {200, 400, 404, 405} | (set() if open_to_all else {401, 403}) <= set(judge.statuses)
    assert not set(judge.statuses) & {301, 302, 303, 307, 308}, "no redirect repeats a query"
    assert judge.statuses[200] > judge.statuses.total() / 50


@pytest.mark.parametrize("auth", ["gitlab", "none"])
def test_thousand_requests(estate: Estate, folder: Path, auth: str) -> None:
    judge = _through_asgi(estate, folder, auth=auth, seed=1, number=1000)
    _check(judge, open_to_all=auth == "none")


def test_thousand_requests_over_a_socket(estate: Estate, process: Process) -> None:
    _check(_through_socket(estate, process, seed=2, number=1000))
    _look_into_log(estate, process)


@pytest.mark.long
@pytest.mark.timeout(360)
@pytest.mark.parametrize(("auth", "seed", "number"), [("gitlab", 3, 50_000), ("none", 4, 36_000)])
def test_many_requests(estate: Estate, folder: Path, auth: str, seed: int, number: int) -> None:
    judge = _through_asgi(estate, folder, auth=auth, seed=seed, number=number)
    _check(judge, open_to_all=auth == "none")


@pytest.mark.long
@pytest.mark.timeout(360)
def test_many_requests_over_a_socket(estate: Estate, process: Process) -> None:
    _check(_through_socket(estate, process, seed=5, number=14_000))
    _look_into_log(estate, process)
    answer = requests.get(f"{process.url}/-/ready", timeout=5)
    assert answer.status_code == 200


def _look_into_log(estate: Estate, process: Process) -> None:
    log = process.log.read_text()
    assert "listening" in log
    assert "Traceback" not in log
    assert not [token for token in estate.tokens.values() if token in log]
