from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.exporters import Estate, Process, running_estate, started


@pytest.fixture(scope="module")
def estate() -> Iterator[Estate]:
    """A running GitLab with a canary."""
    with running_estate() as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where databases and logs go."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def process(estate: Estate, folder: Path) -> Iterator[Process]:
    """An exporter in a process of its own that asks GitLab about callers."""
    with started(estate, folder, auth="gitlab") as opened:
        yield opened
