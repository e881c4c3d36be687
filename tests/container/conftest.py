"""The image is built once for all tests of this folder: two to three minutes."""

from collections.abc import Iterator

import pytest

from tests.container import base_image
from tests.container.build import build
from tests.container.engine import Engine, engine


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that has nothing but the image to build on."""
    with engine(tmp_path_factory.mktemp("engine") / "of-the-tests") as made:
        base_image.make(made)
        yield made


@pytest.fixture(scope="session")
def built(storage: Engine) -> str:
    """The name of the image, built."""
    return build(storage, "gitlab-dora-exporter")
