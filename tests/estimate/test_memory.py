"""The estimated memory against what a real exporter and its front have resident."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from exporter.config import Settings
from exporter.estimate import estimate
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.bench.spent import megabytes
from tests.clock import FakeClock
from tests.estimate.estates import Estate
from tests.process import ANY_PORT, started


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("projects", [40, 400])
def test_memory_is_about_what_was_estimated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], projects: int
) -> None:
    clock = FakeClock(datetime.now(UTC))
    world = World(clock)
    Estate(world, clock, seed=projects).add(projects, pace=1.0)
    with SimulatedGitLab(world) as gitlab:
        content = {
            "gitlab": {
                "url": gitlab.url,
                "token": DEFAULT_TOKEN,
                "max_requests_per_second": 10_000,
            },
            "groups": ["big"],
        }
        settings = Settings.model_validate(content)
        told = estimate(settings, settings.gitlab.token_source(), clock)
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
        with started(ANY_PORT, folder=tmp_path) as exporter:
            url = exporter.url()
            exporter.wait_until_ready(url, 400)
            exporter.get(f"{url}/metrics")
            resident = megabytes(exporter.process.pid, "Rss")
    expected = told.memory / 2**20
    with capsys.disabled():
        sys.stdout.write(
            f"\n{projects} projects: {expected:.0f} MB estimated, {resident:.0f} MB resident\n"
        )
    assert expected == pytest.approx(resident, rel=0.25)
