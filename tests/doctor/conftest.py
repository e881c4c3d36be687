"""A healthy set-up for each test, and nothing of this machine's own."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from exporter import cli
from exporter.simulator import SimulatedGitLab
from tests.doctor.setup import TOKEN, Setup

Examine = Callable[..., tuple[int, list[str]]]
"""Runs the command with flags; gives its exit code and the lines of its output."""


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Variables that a case sets; proxies and settings of this machine are taken away."""
    for name in list(os.environ):
        if name.startswith("GITLAB") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return {}


@pytest.fixture(scope="module")
def ending() -> Iterator[list[SimulatedGitLab]]:
    """Servers that end by themselves meanwhile, which takes each of them some time."""
    servers: list[SimulatedGitLab] = []
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture
def setup(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    ending: list[SimulatedGitLab],
) -> Iterator[Setup]:
    """A set-up in which nothing is wrong, in the folder that it works in."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        yield (made := Setup.healthy(tmp_path, stack, environ))
    if made.gitlab is not None and made.gitlab._server is not None:
        made.gitlab._server.should_exit = True
        ending.append(made.gitlab)


@pytest.fixture
def doctor(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Examine:
    """Runs the command on the set-up as it is then."""

    def examine(*arguments: str) -> tuple[int, list[str]]:
        setup.serve()
        for name, value in setup.environ.items():
            monkeypatch.setenv(name, value)
        (setup.folder / "config.yaml").write_text(yaml.safe_dump(setup.config))
        before = sorted(setup.folder.iterdir())
        code = cli.main(["doctor", *arguments])
        out, err = capsys.readouterr()
        assert TOKEN not in out + err
        assert sorted(setup.folder.iterdir()) == before, "something was written"
        return code, out.splitlines()

    return examine
