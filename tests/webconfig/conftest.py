"""A folder with certificates for each test."""

from pathlib import Path

import pytest

from tests.webconfig.secured import Secured


@pytest.fixture(scope="session")
def first_secured(tmp_path_factory: pytest.TempPathFactory) -> Secured:
    """Certificates that all tests share."""
    return Secured.in_folder(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def secured(first_secured: Secured, tmp_path: Path) -> Secured:
    """Certificates, and a place for a web configuration beside them."""
    return first_secured.copied(tmp_path)
