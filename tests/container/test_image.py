"""The built image: what it says of itself, and what it holds."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

import pytest

from exporter import __version__
from tests.container import base_image
from tests.container.build import EPOCH, REVISION, build
from tests.container.engine import Engine
from tests.container.recipe import CONTAINER, ROOT, command, copied, values

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]

USER = 10001
_SITE = "/opt/exporter/lib/python3.11/site-packages"
# Covered in every container.
_COVERED = ("/dev", "/proc", "/sys", "/run")


@dataclass(frozen=True)
class File:
    """A file of an image: kind and mode as ``find`` writes them, owner, group, bytes and path."""

    kind: str
    mode: int
    user: int
    group: int
    size: int
    path: str

    def writable_by(self, user: int) -> bool:
        """Whether a user may write it, who is in the group of the same number."""
        if self.kind == "l":
            return False
        return bool(
            self.mode & 0o002
            or (self.user == user and self.mode & 0o200)
            or (self.group == user and self.mode & 0o020)
        )


def files(engine: Engine, image: str) -> list[File]:
    """Return all files of an image."""
    place = engine.run("podman", "image", "mount", image).strip()
    listed = engine.run("find", place, "-xdev", "-printf", "%y %m %U %G %s /%P\\n")
    engine.run("podman", "image", "unmount", image)
    found = []
    for line in listed.splitlines():
        kind, mode, user, group, size, path = line.split(" ", 5)
        if not any(path == one or path.startswith(f"{one}/") for one in _COVERED):
            found.append(File(kind, int(mode, 8), int(user), int(group), int(size), path))
    return found


@pytest.fixture(scope="module")
def added(storage: Engine, built: str) -> dict[str, File]:
    """What the image has and the one that it builds on has not, by path."""
    base = {one.path for one in files(storage, base_image.name())}
    return {one.path: one for one in files(storage, built) if one.path not in base}


def test_it_says_what_the_recipe_says(storage: Engine, built: str) -> None:
    found = storage.inspect("image", built)
    config = found["Config"]
    assert config["User"] == f"{USER}:{USER}" == values("USER")[0]
    assert config["Entrypoint"] == command("ENTRYPOINT")
    assert config["Cmd"] == command("CMD")
    assert config["WorkingDir"] == "/data"
    assert list(config["Volumes"]) == values("VOLUME")
    assert list(config["ExposedPorts"]) == [f"{values('EXPOSE')[0]}/tcp"]
    labels = {
        name.removeprefix("org.opencontainers.image."): text
        for name, text in config["Labels"].items()
        if name.startswith("org.opencontainers.")
    }
    assert labels.pop("description")
    assert labels == {
        "title": "gitlab-dora-exporter",
        "licenses": "Apache-2.0",
        "version": __version__,
        "revision": REVISION,
    }
    second = 1_000_000_000
    assert found["HealthCheck" if "HealthCheck" in found else "Healthcheck"] == {
        "Test": ["CMD", *command("HEALTHCHECK")],
        "Interval": 30 * second,
        "Timeout": 10 * second,
        "StartPeriod": 30 * second,
        "Retries": 3,
    }


def test_it_adds_the_exporter_and_a_folder_for_the_data(
    added: dict[str, File], capsys: pytest.CaptureFixture[str]
) -> None:
    assert added["/data"] == File("d", 0o750, USER, USER, added["/data"].size, "/data")
    inside = [path for path in added if path.startswith("/opt/exporter/")]
    # buildah mounts a file of its own over this one, and leaves it behind, empty.
    left_behind = {path for path in added if path == "/etc/hosts" and not added[path].size}
    assert {*added} - {*inside} - left_behind == {"/data", "/opt/exporter"}
    size = sum(added[path].size for path in inside)
    with capsys.disabled():
        print(f"\nThe image adds {size / 1e6:.0f} MB")  # noqa: T201 - to be seen growing
    assert size < 160e6


def test_nothing_of_it_can_be_written_but_the_data(storage: Engine, built: str) -> None:
    """By the user it runs as. The temporary folders are those of every Debian."""
    held = files(storage, built)
    open_to_it = {one.path for one in held if one.writable_by(USER)}
    assert open_to_it == {"/data", "/tmp", "/var/tmp"}  # noqa: S108 - of the image
    raising = [one.path for one in held if one.mode & 0o6000]
    assert [path for path in raising if path.startswith(("/opt", "/data"))] == []


def test_it_holds_no_tools_tests_or_left_overs(added: dict[str, File]) -> None:
    names = {PurePosixPath(path).name for path in added}
    assert not names & {"pip", "setuptools", "wheel", "hatchling", "build", ".cache", "tests"}
    assert not names & {"gcc", "cc", "c++", "ld", "make", "git", "curl", "wget"}
    assert [name for name in names if re.search(r"\.(whl|orig|log|db)$", name)] == []
    packages = {path.removeprefix(f"{_SITE}/").split("/")[0] for path in added if _SITE in path}
    assert "exporter" in packages
    # With the modules compiled, which nobody can do later.
    modules = {path for path in added if path.startswith(_SITE) and path.endswith(".py")}
    compiled = {path for path in added if path.endswith(".cpython-311.pyc")}
    for path in modules:
        module = PurePosixPath(path)
        assert f"{module.parent}/__pycache__/{module.stem}.cpython-311.pyc" in compiled


def test_only_what_it_is_made_of_is_sent_to_the_build(storage: Engine, built: str) -> None:
    assert built
    ignored = CONTAINER / "Dockerfile.dockerignore"
    recipe = storage.folder / "everything"
    recipe.write_text(f"FROM {built}\nCOPY . /context\n")
    stray = ROOT / "exporter" / "__pycache__" / "stray.pyc"
    stray.parent.mkdir(exist_ok=True)
    stray.touch()
    storage.run(
        *("buildah", "build", "--pull-never", "--tag", "context", "--ignorefile", ignored),
        *("--file", recipe, ROOT),
    )
    stray.unlink()
    sent = {
        one.path.removeprefix("/context/")
        for one in files(storage, "localhost/context")
        if one.path.startswith("/context/") and one.kind == "f"
    }
    sources = [source for source, _ in copied()]
    assert {
        path for path in sent if not any(PurePosixPath(path).is_relative_to(one) for one in sources)
    } == set()
    assert {path for path in sent if "__pycache__" in path} == set()
    assert {"pyproject.toml", "exporter/__init__.py", "docs/container/healthcheck.py"} <= sent


def test_two_builds_of_one_commit_are_the_same(storage: Engine, built: str) -> None:
    """To the last bit: contents, times, owners and modes of all files are in these digests."""
    again = build(storage, "once-more")
    layers = [storage.inspect("image", one)["RootFS"]["Layers"] for one in (built, again)]
    assert layers[0] == layers[1]
    assert storage.inspect("image", again)["Created"].startswith("2023-11-14T22:13:20"), EPOCH
