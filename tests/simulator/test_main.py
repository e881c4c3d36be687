import signal
import subprocess
import sys

import requests


def test_program_tells_its_url_serves_and_ends_on_sigterm() -> None:
    command = [sys.executable, "-m", "exporter.simulator", "--projects", "2", "--days", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            response = requests.get(
                f"{url}/api/v4/projects", headers={"PRIVATE-TOKEN": "sim-token"}, timeout=10
            )
            assert len(response.json()) == 2
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()
