"""A simulated instance, its clock, and somebody who calls it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Clock:
    """Stands still until moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class Caller:
    """A client of the instance with one token."""

    url: str
    session: requests.Session
    token: str | None = DEFAULT_TOKEN

    def get(self, path: str, **parameters: Any) -> requests.Response:
        headers = {"PRIVATE-TOKEN": self.token} if self.token else {}
        return self.session.get(
            f"{self.url}/api/v4{path}", params=parameters, headers=headers, timeout=5
        )

    def ids(self, path: str, **parameters: Any) -> list[int]:
        response = self.get(path, **parameters)
        assert response.status_code == 200, response.text
        return [row["id"] for row in response.json()]

    def post(self, body: object) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.session.post(f"{self.url}/api/graphql", json=body, headers=headers, timeout=5)

    def ask(self, query: str) -> dict[str, Any]:
        """Run a GraphQL query that must succeed, and give its data."""
        answer = self.post({"query": query}).json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def complain(self, query: str) -> str:
        """Run a GraphQL query that must fail, and give its first message."""
        response = self.post({"query": query})
        assert response.status_code == 200
        message: str = response.json()["errors"][0]["message"]
        return message

    def using(self, token: str | None) -> "Caller":
        return Caller(self.url, self.session, token)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> World:
    return World(clock)


@pytest.fixture
def gitlab(world: World) -> Iterator[SimulatedGitLab]:
    with SimulatedGitLab(world) as server:
        yield server


@pytest.fixture
def caller(gitlab: SimulatedGitLab) -> Iterator[Caller]:
    with requests.Session() as session:
        yield Caller(gitlab.url, session)
