"""``gitlab-dora-exporter backfill`` as its user meets it."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from exporter import cli
from exporter.backfill import openmetrics
from tests.backfill.text import by_moment
from tests.bench.fleet import Fleet
from tests.filling import Filling, filled, utc
from tests.process import run, started

NOW = utc("2026-05-10T10:00")
CONFIG = """\
gitlab: {url: "https://gitlab.example.com", token: glpat-Zq7TokenOfTheTests}
groups: [acme]
store: {url: "sqlite:///dora.db"}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a configuration and no other in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITLAB_TOKEN", "GITLAB_DORA_PROJECTS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def facts(here: Path) -> Iterator[Filling]:
    """A project with a few days of history, polled."""
    with filled(here, NOW) as facts:
        facts.scope({1: 'acme/"odd"\\app'}, {5: "acme"})
        environment = facts.environment(1, covered_since=utc("2026-05-01"))
        facts.deploy(environment, utc("2026-05-03T12:00"), [utc("2026-05-02T12:00")])
        facts.poll()
        yield facts


def names(folder: Path) -> set[str]:
    """The files of a folder, but for those of the store."""
    return {path.name for path in folder.iterdir() if not path.name.startswith("dora.db")}


@pytest.mark.long
@pytest.mark.usefixtures("facts")
def test_two_runs_write_the_same(here: Path) -> None:
    for name in ("one.om", "two.om"):
        done = run("backfill", "--output", name, folder=here)
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        assert f"to {name}" in done.stderr
    assert (here / "one.om").read_bytes() == (here / "two.om").read_bytes()
    assert (here / "one.om").read_text().endswith("\n# EOF\n")
    assert names(here) == {"config.yaml", "one.om", "two.om"}


@pytest.mark.long
@pytest.mark.usefixtures("facts")
def test_standard_output_gets_the_same_as_a_file(here: Path) -> None:
    assert run("backfill", "--output", "out.om", folder=here).returncode == 0
    done = run("backfill", "--output", "-", folder=here)
    assert done.returncode == 0
    assert done.stdout == (here / "out.om").read_text()
    assert names(here) == {"config.yaml", "out.om"}


def test_the_readme_turns_timestamps_into_milliseconds(here: Path) -> None:
    """For VictoriaMetrics."""
    with filled(here, NOW + timedelta(microseconds=1500)) as facts:
        facts.scope({1: "acme/app"}, {})
        facts.environment(1, covered_since=utc("2026-05-01"))
        facts.poll()
    assert cli.main(["backfill", "--output", "dora.om"]) == 0
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    command = next(line for line in readme.splitlines() if line.startswith("sed "))
    done = subprocess.run(
        ["sh", "-c", command.removesuffix(" |")], capture_output=True, text=True, check=True
    )
    found = {line.rpartition(" ")[2] for line in done.stdout.splitlines()}
    assert found == {
        *(str(int((utc("2026-05-02") + timedelta(days=n)).timestamp()) * 1000) for n in range(9)),
        f"{int(NOW.timestamp())}001",
    }


@pytest.mark.usefixtures("facts")
def test_labels_are_added_to_every_series(here: Path) -> None:
    """So that the series are those that Prometheus scrapes."""
    odd = 'host:1 "\\ü'
    arguments = ["backfill", "--output", "out.om", "--label", "job=dora"]
    assert cli.main([*arguments, "--label", f"instance={odd}"]) == 0
    found = by_moment((here / "out.om").read_text(encoding="utf-8"))
    series = [labels for values in found.values() for _, labels in values]
    assert series
    assert all({("job", "dora"), ("instance", odd)} <= labels for labels in series)
    assert any(("project", 'acme/"odd"\\app') in labels for labels in series)


@pytest.mark.parametrize(
    "label", ["job", "job=", "=x", "1a=x", "a-b=x", "__name__=x", "project=x", "window=x"]
)
def test_a_wrong_label_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str], label: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["backfill", "--output", "out.om", "--label", label])
    assert ended.value.code == 2
    assert "argument --label" in capsys.readouterr().err
    assert names(here) == {"config.yaml"}


@pytest.mark.usefixtures("facts")
def test_a_label_given_twice_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["backfill", "--output", "out.om", "--label", "job=a", "--label", "job=b"]
    assert cli.main(arguments) == 1
    assert "--label: a name is given twice" in capsys.readouterr().err
    assert names(here) == {"config.yaml"}


def test_without_a_complete_poll_there_is_nothing_to_write(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half of a first poll would be wrong numbers."""
    with filled(here, NOW) as facts:
        facts.scope({1: "acme/app"}, {})
        facts.deploy(facts.environment(1), NOW)
    assert cli.main(["backfill", "--output", "out.om"]) == 1
    assert "the store holds no complete poll yet" in capsys.readouterr().err
    assert names(here) == {"config.yaml"}


@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize(
    ("output", "message"), [("nowhere/out.om", "there is no folder"), ("pipe", "is no file")]
)
def test_what_cannot_be_a_file_is_refused(
    here: Path, capsys: pytest.CaptureFixture[str], output: str, message: str
) -> None:
    os.mkfifo(here / "pipe")
    assert cli.main(["backfill", "--output", output]) == 1
    err = capsys.readouterr().err
    assert "--output: cannot write" in err
    assert message in err
    assert names(here) == {"config.yaml", "pipe"}


@pytest.mark.usefixtures("facts")
@pytest.mark.parametrize("step", ["number_text", "copyfileobj"])
def test_a_signal_leaves_the_file_of_before(
    here: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """While values are computed, and while they are written."""
    (here / "out.om").write_text("the file of before")

    def end(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(9)  # which the signal cuts short

    monkeypatch.setattr(openmetrics, step, end)
    usual = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        cli.main(["backfill", "--output", "out.om"])
    assert ended.value.code == 128 + signal.SIGTERM
    assert (here / "out.om").read_text() == "the file of before"
    assert names(here) == {"config.yaml", "out.om"}
    assert signal.getsignal(signal.SIGTERM) is usual


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ended_at_any_moment_there_is_no_half_file(here: Path, number: signal.Signals) -> None:
    fleet = Fleet.make(projects=40, days=60, seed=1)
    with filled(here, NOW) as facts:
        fleet.fill(facts.store)
    begun = time.monotonic()
    assert run("backfill", "--output", "whole.om", folder=here).returncode == 0
    lasts = time.monotonic() - begun
    whole = (here / "whole.om").read_bytes()
    rng = random.Random(5)
    ended = []
    for _ in range(12):
        with started(["backfill", "--output", "out.om"], folder=here) as running:
            time.sleep(lasts * rng.uniform(0.3, 1.1))
            running.process.send_signal(number)
            ended.append(running.process.wait(10))
        if (here / "out.om").exists():
            assert (here / "out.om").read_bytes() == whole
            (here / "out.om").unlink()
        elif number is signal.SIGTERM:
            assert names(here) == {"config.yaml", "whole.om"}
    assert any(ended), "always too late"
