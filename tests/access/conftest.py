from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from exporter.api import GitLabAccess
from tests.access.estate import Estate, HeldClock, polled_estate


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    """An instance and the exporter that polled it; callers are made anew by each test."""
    with polled_estate(tmp_path_factory.mktemp("estate")) as opened:
        yield opened


@pytest.fixture
def clock() -> HeldClock:
    """The clock by which verdicts get old."""
    return HeldClock()


@pytest.fixture
def access(estate: Estate, clock: HeldClock) -> Iterator[GitLabAccess]:
    """An access that knows nobody yet."""
    opened = estate.access(clock)
    yield opened
    opened._callers.close()


@pytest.fixture
def client(estate: Estate, access: GitLabAccess) -> Iterator[TestClient]:
    """The exporter's pages."""
    with estate.client(access) as opened:
        yield opened
