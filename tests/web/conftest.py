"""A polled project whose names ask for escaping, and the pages over it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.filling import Filling, filled, opened, utc

NOW = utc("2026-03-31T10:00")


@pytest.fixture
def facts(tmp_path: Path) -> Iterator[Filling]:
    """A store with one project, in scope but not polled yet."""
    with filled(tmp_path, NOW) as filling:
        filling.scope({1: "acme/secret-project"}, {5: "acme"})
        filling.deploy(filling.environment(1), NOW - timedelta(hours=3))
        yield filling


@pytest.fixture
def polled(facts: Filling) -> Filling:
    """The same after the first poll."""
    facts.poll()
    return facts


@pytest.fixture
def client(polled: Filling) -> Iterator[TestClient]:
    """The pages after the first poll."""
    with opened(polled.store, polled.clock) as client:
        yield client
