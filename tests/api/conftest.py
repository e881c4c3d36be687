"""Two projects in a group and a subgroup, deployed in the first days of March 2021."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from tests.filling import Filling, StoppedClock, filled, opened, utc

HOUR = timedelta(hours=1)
NOW = utc("2021-03-31T10:00")


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filling]:
    """A store that holds the two projects; nothing changes it."""
    with filled(tmp_path_factory.mktemp("api"), NOW) as filling:
        filling.scope({1: "acme/shop/app", 2: "acme/lib"}, {5: "acme", 6: "acme/shop"})
        production = filling.environment(1)
        staging = filling.environment(1, "stage", tier="staging")
        other = filling.environment(2)
        noon = utc("2021-03-01T12:00")
        filling.deploy(production, noon, [noon - HOUR, noon - 3 * HOUR])
        filling.deploy(production, noon + HOUR)
        filling.deploy(staging, noon + timedelta(days=1), [noon])
        filling.deploy(other, noon, [noon - 7 * HOUR])
        later = utc("2021-03-03T00:00")
        filling.deploy(production, later, [later + HOUR])
        filling.poll()
        yield filling


@pytest.fixture
def facts(filled_once: Filling) -> Filling:
    """The store with a clock of the test's own."""
    return Filling(filled_once.store, StoppedClock(NOW))


@pytest.fixture
def client(facts: Filling) -> Iterator[TestClient]:
    """The pages over that store, open to every caller."""
    with opened(facts.store, facts.clock) as client:
        yield client
