"""The steps of the Dockerfile, carried out in a folder in the place of an image."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter import __version__
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.container.recipe import ROOT, command, copied, instructions, values
from tests.ports import free_port
from tests.process import environment
from tests.tools import missing
from tests.waiting import wait_until

# What the image has at its root.
_PLACE = re.compile(r"(?<!\w)/(build|opt/exporter|wheels|data|src)(?=[/\s:]|$)")
UID = 10001


@dataclass(frozen=True)
class Image:
    """A folder that stands for the root of an image."""

    root: Path

    def here(self, text: str) -> str:
        """Return the same text with the image's paths as they are here."""
        return _PLACE.sub(lambda found: f"{self.root}{found[0]}", text)

    def environ(self) -> dict[str, str]:
        """Return the environment that the image gives its processes."""
        (given,) = values("ENV")
        parts = (one.split("=", 1) for one in self.here(given).split())
        usual = environment({})
        return {
            **usual,
            **{name: value.replace("$PATH", usual["PATH"]) for name, value in parts},
        }

    def start(
        self, *arguments: str, environ: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Run a program as the image's user, where this user may change to another."""
        uid = UID if os.geteuid() == 0 else None
        groups: list[str | int] | None = [] if uid else None
        return subprocess.Popen(
            [shutil.which(arguments[0], path=self.environ()["PATH"]) or "", *arguments[1:]],
            cwd=self.root / "data",
            env={**self.environ(), **(environ or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            user=uid,
            group=uid,
            extra_groups=groups,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a program to its end; return its exit code and what it wrote."""
        process = self.start(*arguments)
        told, _ = process.communicate(timeout=60)
        return process.returncode, told


def python() -> Path:
    """Return the folder of a Python that the image's user can run."""
    for path in (Path(sys.executable).resolve(), Path("/usr/bin/python3").resolve()):
        reachable = os.geteuid() != 0 or all(one.stat().st_mode & 1 for one in path.parents)
        usable = subprocess.run(
            [path, "-c", "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"],
            capture_output=True,
            check=False,
        )
        if reachable and usable.returncode == 0:
            return path
    return missing("there is no Python 3.11 or later that other users can run")


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        made = Image(root)
        for source, target in copied():
            # What is copied in the first stage is below its working directory.
            to = root / target.lstrip("/") if target.startswith("/") else root / "src" / target
            if not target.startswith("/"):
                to.parent.mkdir(parents=True, exist_ok=True)
                copy(ROOT / source, to)
        programs = root / "bin"
        programs.mkdir()
        (programs / "python").symlink_to(python())
        for one in instructions():
            if one.name != "RUN":
                continue
            step = made.here(one.value)
            if os.geteuid() != 0:
                step = step.replace(f"--owner={UID} --group={UID} ", "")
            done = subprocess.run(
                ["sh", "-ec", step],
                cwd=root / "src",
                env={**environment({}), "PATH": f"{programs}:{os.environ['PATH']}"},
                capture_output=True,
                text=True,
                check=False,
            )
            if "onnection" in done.stderr and done.returncode != 0:
                missing(f"pip cannot reach its index: {done.stderr[-300:]}")
            assert done.returncode == 0, done.stderr
        for source, target in copied():
            if target.startswith("/"):
                copy(ROOT / source, root / target.lstrip("/"))
        yield made


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def healthy(image: Image, port: int) -> bool:
    check = [image.here(one) for one in command("HEALTHCHECK")]
    return image.run(*check, str(port))[0] == 0


@pytest.mark.long
def test_the_entry_point_is_the_command(image: Image) -> None:
    assert image.run(*command("ENTRYPOINT"), "--version") == (
        0,
        f"gitlab-dora-exporter {__version__}\n",
    )
    # The last stage has no pip.
    assert image.run("python", "-m", "pip", "--version")[0] == 1
    assert image.run("python", "-c", "import psycopg, bcrypt")[0] == 0


@pytest.mark.long
def test_the_demo_is_healthy_and_ends_in_time(image: Image) -> None:
    port = free_port()
    assert not healthy(image, port)
    process = image.start(
        *command("ENTRYPOINT"), "demo", "--web.listen-address", f"127.0.0.1:{port}"
    )
    try:
        wait_until(lambda: healthy(image, port), every=0.5)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
    assert not healthy(image, port)


@pytest.mark.long
def test_it_keeps_its_database_among_the_data(image: Image) -> None:
    world = World()
    world.add_project("group/app")
    port = free_port()
    with SimulatedGitLab(world) as gitlab:
        environ = {
            "GITLAB_TOKEN": DEFAULT_TOKEN,
            "GITLAB_DORA_GITLAB__URL": gitlab.url,
            "GITLAB_DORA_PROJECTS": "group/app",
        }
        process = image.start(
            *command("ENTRYPOINT"),
            *command("CMD"),
            *("--web.listen-address", f"127.0.0.1:{port}"),
            environ=environ,
        )
        try:
            wait_until(lambda: healthy(image, port), every=0.5)
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=10)
        finally:
            process.kill()
            process.wait()
    database = image.root / "data" / "dora.db"
    assert database.stat().st_uid == (UID if os.geteuid() == 0 else os.geteuid())
