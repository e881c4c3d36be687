"""What the tests of the comparison share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.verify.licensed import Licensed, licensed


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Licensed]:
    """A licensed GitLab, and an exporter for it."""
    with licensed(tmp_path) as made:
        yield made
