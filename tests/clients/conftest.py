"""Exporters on ports, and the clients that read them."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import Start, exporter_with
from tests.contract.serving import ask
from tests.contract.world import TOKENS
from tests.tools import missing, require

__all__ = ["exporter_with"]

HERE = Path(__file__).parent
_PACKAGE = ("package.json", "package-lock.json", ".npmrc", "read.mjs")
_SECONDS = 100

Gitbeaker = Callable[..., Any]
Curl = Callable[[str], str]


@pytest.fixture(scope="session")
def key_value(exporter_with: Start) -> str:
    """URL of an exporter as it is by default: elements such as {"2021-03-01": 3}."""
    return f"http://{exporter_with({}, None)}"


@pytest.fixture(scope="session")
def date_value(exporter_with: Start) -> str:
    """URL of an exporter with elements such as {"date": "2021-03-01", "value": 3}."""
    return f"http://{exporter_with({'api': {'payload': 'date_value'}}, None)}"


def read(url: str, target: str) -> Any:
    """Return what an exporter answers to a caller without any client."""
    answer = ask(url.removeprefix("http://"), target, headers={"PRIVATE-TOKEN": TOKENS["reporter"]})
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


@pytest.fixture(scope="session")
def gitbeaker(tmp_path_factory: pytest.TempPathFactory) -> Gitbeaker:
    """Ask with @gitbeaker/rest: host, kind, id, metric, options, token or oauthToken."""
    node, npm = require("node"), require("npm")
    folder = tmp_path_factory.mktemp("gitbeaker")
    for name in _PACKAGE:
        shutil.copy(HERE / name, folder)
    installed = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if installed.returncode != 0:
        missing(f"npm cannot install @gitbeaker/rest: {installed.stderr[-500:]}")

    def ask_with_gitbeaker(**question: Any) -> Any:
        process = subprocess.run(
            [node, "read.mjs"],
            cwd=folder,
            input=json.dumps(question),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        return json.loads(process.stdout)

    return ask_with_gitbeaker


@pytest.fixture(scope="session")
def curl(tmp_path_factory: pytest.TempPathFactory) -> Curl:
    """Run a command line of curl in a shell; return what it writes."""
    require("curl")
    folder = tmp_path_factory.mktemp("curl")

    def run(command: str) -> str:
        process = subprocess.run(
            ["sh", "-c", command],
            cwd=folder,
            env={**os.environ, "NO_PROXY": "*", "no_proxy": "*"},
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        return process.stdout.decode()

    return run
