import subprocess
import sys

from tests.dashboards.dashboard_files import FOLDER


def test_files_are_what_the_generator_writes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dashboards.generate", "--check"],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
