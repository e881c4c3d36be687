"""The image that the Dockerfile builds on, made of Debian packages instead of pulled.

Tests can rely on no registry. Debian 12 has the same Python, with the same name, elsewhere.
"""

import shutil
from pathlib import Path

from tests.container.engine import Engine
from tests.container.recipe import instructions, values
from tests.tools import missing, require

DEBIAN = "bookworm"
_PACKAGES = "python3,python3-venv,python-is-python3,ca-certificates"
_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
# Here, where the tests run, may be authorities that Debian does not know.
_AUTHORITIES = Path("etc/ssl/certs/ca-certificates.crt")


def name() -> str:
    """Return the full name of the image that the Dockerfile names."""
    (version,) = values("ARG", stage=-1)
    (short,) = {one.value.split(" AS ")[0] for one in instructions() if one.name == "FROM"}
    return f"docker.io/library/{short.replace('${PYTHON}', version.partition('=')[2])}"


def make(engine: Engine) -> None:
    """Make the image in the engine's storage; takes a minute."""
    root = engine.folder / "base"
    done = engine.attempt(
        *(require("debootstrap"), "--variant=minbase", f"--include={_PACKAGES}", DEBIAN, root),
        seconds=600,
    )
    if done.returncode:
        missing(f"debootstrap fails: {done.stdout[-500:]}{done.stderr[-500:]}")
    if (Path("/") / _AUTHORITIES).exists():
        shutil.copy(Path("/") / _AUTHORITIES, root / _AUTHORITIES)
    archive = engine.folder / "base.tar"
    # What apt has downloaded is no part of an image.
    left_out = [f"--exclude=./{one}" for one in ("var/cache/apt/*", "var/lib/apt/lists/*", "dev/*")]
    engine.run("tar", "--create", "--file", archive, *left_out, "--directory", root, ".")
    changes = ("--change", f"ENV PATH={_PATH}", "--change", 'CMD ["python3"]')
    engine.run("podman", "import", "--quiet", *changes, archive, name())
    archive.unlink()
    shutil.rmtree(root)
