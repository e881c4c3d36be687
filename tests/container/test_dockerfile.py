"""The recipe of the image, as far as it can be judged without building one."""

import re
import subprocess
import tomllib

from packaging.requirements import Requirement

from exporter import __version__, cli
from tests.container.recipe import (
    CONTAINER,
    DOCKERFILE,
    ROOT,
    command,
    copied,
    instructions,
    values,
)
from tests.tools import require

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked(path: str) -> dict[str, str]:
    """The versions that a lock names."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return {
        f"{name}{marker or ''}": version
        for name, version, marker in re.findall(
            r"^([a-z0-9-]+)==(\S+)(?: (;[^\\]*))? \\$", text, re.MULTILINE
        )
    }


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [require("hadolint"), DOCKERFILE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_it_runs_the_command_as_nobody_in_particular() -> None:
    assert command("ENTRYPOINT") == list(PROJECT["scripts"])
    assert command("CMD") == ["run"]
    (user,) = values("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)


def test_the_data_belong_to_that_user() -> None:
    (user,) = values("USER")
    uid, gid = user.split(":")
    (folder,) = values("VOLUME")
    assert values("WORKDIR") == [folder]
    (made,) = values("RUN")
    assert f"--owner={uid} --group={gid}" in made
    assert made.endswith(f" {folder}")


def test_the_health_check_needs_nothing_but_python() -> None:
    program, script = command("HEALTHCHECK")
    assert program == "python"
    assert script in [target for _, target in copied()]


def test_ports_and_versions_are_those_of_the_project() -> None:
    assert values("EXPOSE") == [cli.LISTEN_ADDRESS.removeprefix(":")]
    assert f"VERSION={__version__}" in values("ARG")
    bases = [one.value for one in instructions() if one.name == "FROM"]
    assert [one.split(" AS ")[0] for one in bases] == ["python:${PYTHON}-slim-bookworm"] * 2
    (python,) = values("ARG", stage=-1)
    minimum = PROJECT["requires-python"].removeprefix(">=")
    assert python == f"PYTHON={minimum}"


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    """Of the build's context only what is named is sent."""
    lines = (CONTAINER / "Dockerfile.dockerignore").read_text().splitlines()
    everything, *others = [line for line in lines if line and not line.startswith("#")]
    assert everything == "*"
    allowed = {line.removeprefix("!") for line in others if line.startswith("!")}
    sources = {source for source, _ in copied()}
    assert sources == allowed
    assert [one for one in sources if not (ROOT / one).exists()] == []


def test_nothing_is_installed_that_is_not_locked() -> None:
    for run in (one.value for one in instructions() if one.name == "RUN"):
        for step in re.split(r"\s*&&\s*", run):
            if "pip" in step and "-m venv" not in step:
                assert "--require-hashes" in step or "--no-deps" in step
                assert "--no-index" in step or "--no-build-isolation" in step or "--req" in step


def test_the_locks_are_whole_and_tell_no_origin() -> None:
    for name in ("requirements.txt", "build.txt"):
        text = (CONTAINER / name).read_text()
        heads = [line for line in text.splitlines() if not line.startswith("    --hash=sha256:")]
        assert [line for line in heads if not re.match(r"[a-z0-9-]+==[^ ]+ .*\\$", line)] == []
        assert "://" not in text


def test_the_image_has_what_the_exporter_needs_and_no_more() -> None:
    has = {name.partition(";")[0] for name in locked("docs/container/requirements.txt")}
    extras = PROJECT["optional-dependencies"]
    needed = {Requirement(one).name for one in PROJECT["dependencies"] + extras["postgresql"]}
    others = {Requirement(one).name for one in extras["test"] + extras["lint"]}
    assert needed <= has
    assert (others - needed) & has == set()


def test_the_image_has_the_versions_that_are_tested() -> None:
    tested = locked(".ci/locked.txt")
    for lock in ("docs/container/requirements.txt", "docs/container/build.txt"):
        image = locked(lock)
        assert image
        both = image.keys() & tested.keys()
        assert len(both) > len(image) / 2
        assert {name: image[name] for name in both} == {name: tested[name] for name in both}
