"""Programs from outside Python that tests run, such as Prometheus' own promtool."""

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test for want of something; in CI it fails."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def require(program: str) -> str:
    """Return the path of a program; without it the test is skipped, but in CI it fails."""
    beside = Path(sys.executable).parent  # what pip installed
    path = shutil.which(program) or shutil.which(program, path=str(beside))
    if path is None:
        missing(f"{program} is not installed")
    return path
