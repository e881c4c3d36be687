"""The page on its own: who is asked about what, what is passed on and what is counted."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from exporter.config import TokenSource
from exporter.webhook import Receiver
from tests.clock import FakeClock
from tests.webhook.payloads import SECRET

Named = tuple[int, int | None, str | None]


@dataclass
class Listening:
    """A page and what it did."""

    clock: FakeClock = field(default_factory=FakeClock)
    secret: TokenSource = field(default_factory=lambda: TokenSource(token=SECRET))
    scope: set[int] = field(default_factory=lambda: {1, 2})
    named: list[Named] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def app(self) -> Starlette:
        """Return an application that has this page only."""
        receiver = Receiver(
            self.secret,
            clock=self.clock,
            in_scope=lambda project_id: project_id in self.scope,
            announce=self._announce,
            count=self._count,
        )
        return Starlette(routes=[receiver.route()])

    def counted(self) -> dict[str, int]:
        """Return what came so far, by outcome."""
        return {outcome: number for outcome, number in self.outcomes.items() if number}

    def _announce(
        self, project_id: int, *, deployment_id: int | None, environment: str | None
    ) -> None:
        self.named.append((project_id, deployment_id, environment))

    def _count(self, outcome: str, number: int) -> None:
        self.outcomes[outcome] += number


@pytest.fixture
def listening() -> Listening:
    return Listening()


@pytest.fixture
def client(listening: Listening) -> Iterator[TestClient]:
    with TestClient(listening.app()) as client:
        yield client


@pytest.fixture
def with_secret(listening: Listening) -> Callable[[TokenSource], TestClient]:
    """Have the page want another secret."""

    def begin(secret: TokenSource) -> TestClient:
        listening.secret = secret
        return TestClient(listening.app())

    return begin


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    return path
