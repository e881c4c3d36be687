"""``gitlab-dora-exporter verify``: its table, its exit codes, and what it says of trouble."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exporter import cli
from exporter.clock import SystemClock
from exporter.config import Settings, load
from exporter.service import Service
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.poller.estate import HOUR, add_app, deploy
from tests.verify.licensed import TODAY, Licensed

DAY = 24 * HOUR


@pytest.fixture
def gitlab() -> Iterator[SimulatedGitLab]:
    world = World()
    world.features.dora = True
    app, live = add_app(world), add_app(world, environment="live")
    deploy(world, app, HOUR, 3 * HOUR, 5 * HOUR, ago=2 * DAY)
    deploy(world, live, 10 * HOUR, ago=2 * DAY)
    with SimulatedGitLab(world) as running:
        yield running


def polled(folder: Path, gitlab: SimulatedGitLab, lead_time: str) -> str:
    """Poll, and return the flag that names the configuration."""
    file = folder / "config.yaml"
    store = f"sqlite:///{folder / 'dora.db'}"
    file.write_text(
        f"gitlab: {{url: '{gitlab.url}', token: {DEFAULT_TOKEN}, max_requests_per_second: 1000}}\n"
        f"groups: [acme]\nstore: {{url: '{store}'}}\nlead_time: {{{lead_time}}}\n"
    )
    settings = load(file, {})
    poll(settings)
    return f"--config.file={file}"


def poll(settings: Settings) -> None:
    with Service(settings, settings.gitlab.token_source(), clock=SystemClock()) as service:
        assert service.poll()


AS_GITLAB = "aggregation: daily_medians, first_deployment: include"


def test_agreement_is_0(
    tmp_path: Path, gitlab: SimulatedGitLab, capsys: pytest.CaptureFixture[str]
) -> None:
    file = polled(tmp_path, gitlab, AS_GITLAB)
    assert cli.main(["verify", file]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "60 numbers of 1 projects and groups compared, 60 agree, 0 differ" in line


def test_known_reasons_are_0_and_a_table(
    tmp_path: Path, gitlab: SimulatedGitLab, capsys: pytest.CaptureFixture[str]
) -> None:
    file = polled(tmp_path, gitlab, "aggregation: merge_requests")
    assert cli.main(["verify", file, "--each-project"]) == 0
    told = capsys.readouterr().out.splitlines()
    day = (datetime.now(UTC) - timedelta(days=2)).date()
    assert told[0].split() == [
        *("subject", "metric", "tier", "day", "GitLab", "ours", "difference", "reason"),
    ]
    assert [line.split() for line in told[1:3]] == [
        [
            *(subject, "lead_time_for_changes", "production", str(day)),
            *("23400", "s", "14400", "s", "-9000", "s", "aggregation"),
        ]
        for subject in ("acme", "acme/app")
    ]
    assert told[4].startswith("aggregation (2): lead_time.aggregation: merge_requests;")
    assert told[-1].endswith("118 agree, 2 differ for a known reason, 0 unexplained")


def test_what_is_unexplained_is_1(
    tmp_path: Path, gitlab: SimulatedGitLab, capsys: pytest.CaptureFixture[str]
) -> None:
    file = polled(tmp_path, gitlab, AS_GITLAB)
    # GitLab, whose rows are to be trusted, has one deployment more than it ever listed.
    world = gitlab.world
    app = next(iter(world.environments.values()))
    deploy(world, app, ago=5 * DAY)
    assert cli.main(["verify", file]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[1].endswith("1     0          -1  unexplained")
    assert told[-2].startswith("unexplained (1): ")


@pytest.mark.parametrize("status", [401, 404])
def test_without_a_licence_it_is_3(
    tmp_path: Path, gitlab: SimulatedGitLab, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    file = polled(tmp_path, gitlab, AS_GITLAB)
    gitlab.world.features.dora, gitlab.world.features.dora_status = False, status
    assert cli.main(["verify", file]) == cli.NOT_LICENSED == 3
    out, error = capsys.readouterr()
    assert out == ""
    assert "computes no DORA metrics of its own" in error
    assert "GitLab Ultimate" in error


def test_a_refused_token_is_no_missing_licence(
    tmp_path: Path, gitlab: SimulatedGitLab, capsys: pytest.CaptureFixture[str]
) -> None:
    file = polled(tmp_path, gitlab, AS_GITLAB)
    del gitlab.world.tokens[DEFAULT_TOKEN]
    assert cli.main(["verify", file]) == 1
    error = capsys.readouterr().err
    assert "401" in error
    assert DEFAULT_TOKEN not in error


def test_a_store_without_polls_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(
        f"gitlab: {{url: 'http://127.0.0.1:9', token: {DEFAULT_TOKEN}}}\ngroups: [acme]\n"
    )
    assert cli.main(["verify"]) == 1
    assert "no complete poll yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--start", "yesterday"], "'yesterday' is no day such as 2026-03-01"),
        (["--start", "2026-03-02", "--end", "2026-03-01"], "--start: it lies after --end"),
    ],
)
def test_wrong_days_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"gitlab: {{token: {DEFAULT_TOKEN}}}\ngroups: [acme]\n")
    try:
        code = cli.main(["verify", f"--config.file={file}", *arguments])
    except SystemExit as error:
        code = int(error.code or 0)
    assert code in {1, 2}
    assert told in capsys.readouterr().err


def test_nothing_is_written(both: Licensed, tmp_path: Path) -> None:
    deploy(both.world, add_app(both.world), HOUR, ago=2 * DAY)
    both.poll({})
    before = (tmp_path / "dora.db").read_bytes()
    assert both.compare().end == TODAY
    assert (tmp_path / "dora.db").read_bytes() == before
