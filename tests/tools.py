"""Programs from outside Python that tests run, such as Prometheus' own promtool."""

import os
import shutil

import pytest


def require(program: str) -> str:
    """Return the path of a program; without it the test is skipped, but in CI it fails."""
    path = shutil.which(program)
    if path is None:
        missing = f"{program} is not installed"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path
