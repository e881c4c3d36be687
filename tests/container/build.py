"""Building the Dockerfile as it is, from the repository's root with its .dockerignore."""

from tests.container.engine import Engine
from tests.container.recipe import DOCKERFILE, ROOT
from tests.tools import missing

# Of all files and of the image, so that two builds can be the same to the last bit.
EPOCH = 1_700_000_000
REVISION = "0123456789abcdef0123456789abcdef01234567"


def build(engine: Engine, tag: str) -> str:
    """Build the image without anything kept from other builds; return its name.

    pip needs its index; where that cannot be reached, the test is skipped.
    """
    done = engine.attempt(
        *("buildah", "build", "--no-cache", "--pull-never", "--network", "host"),
        # The format that knows health checks.
        *("--format", "docker", "--timestamp", str(EPOCH)),
        *("--build-arg", f"SOURCE_DATE_EPOCH={EPOCH}", "--build-arg", f"REVISION={REVISION}"),
        *("--file", DOCKERFILE, "--tag", tag, ROOT),
        seconds=600,
    )
    told = done.stdout + done.stderr
    if done.returncode != 0 and ("NewConnectionError" in told or "Temporary failure in" in told):
        missing(f"pip cannot reach its index: {told[-500:]}")
    assert done.returncode == 0, told[-4000:]
    return f"localhost/{tag}"
