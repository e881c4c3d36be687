"""The command line: commands, flags, exit codes, and what is said when something is wrong."""

import json
import signal
import socket
from pathlib import Path

import pytest

from exporter import __version__, cli
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.process import ANY_PORT, run, started

TOKEN = "glpat-Zq7TokenOfTheTests"
GOOD = f"gitlab: {{token: {TOKEN}}}\nprojects: [group/app]\n"

# Files with one mistake each, and how the message names it.
WRONG = [
    ("projects: [group/app]", "gitlab.token: no token is given"),
    (f"gitlab: {{token: {TOKEN}}}", "groups: neither projects nor groups are given"),
    ("- group/app", "config.yaml:1: the top level must be a mapping"),
    ("gitlab: {token: x", "config.yaml:1: not valid YAML"),
    (f"{GOOD}colour: red", "config.yaml:3: colour: unknown key"),
    (f"{GOOD}poll: {{intervall: 5m}}", "config.yaml:3: poll.intervall: unknown key"),
    (f"{GOOD}poll:\n  interval: 5 minutes", "config.yaml:4: poll.interval: '5 minutes'"),
    (f"{GOOD}poll: {{history: 0s}}", "config.yaml:3: poll.history: '0s' is zero"),
    (f"{GOOD}windows: [7d, 1w]", "config.yaml:3: windows: 7d and 1w are the same length"),
    (f"{GOOD}windows: [never]", "config.yaml:3: windows[0]: 'never'"),
    (f"{GOOD}timezone: Mars/Olympus", "config.yaml:3: timezone: 'Mars/Olympus'"),
    (f"{GOOD}exclude: ['(']", "config.yaml:3: exclude[0]: '('"),
    (f"{GOOD}groups: [{{archived: true}}]", "config.yaml:3: groups[0].path: is missing"),
    (f"{GOOD}store: {{url: 'mysql://h/d'}}", "config.yaml:3: store.url: the store 'mysql'"),
    (f"{GOOD}api: {{auth: basic}}", "config.yaml:3: api.auth: 'basic' is not allowed"),
    (f"{GOOD}api: {{payload: xml}}", "config.yaml:3: api.payload: 'xml' is not allowed"),
    (
        f"{GOOD}environments: {{tier_overrides: [{{match: live, tier: prod}}]}}",
        "config.yaml:3: environments.tier_overrides[0].tier: 'prod' is not allowed",
    ),
    (
        f"{GOOD}lead_time: {{aggregation: mean}}",
        "config.yaml:3: lead_time.aggregation: 'mean' is not allowed",
    ),
    (f"gitlab: {{token: {TOKEN}}}\nprojects: [app]", "config.yaml:2: projects[0]: 'app'"),
    (
        f"projects: [group/app]\ngitlab:\n  token: {TOKEN}\n  url: gitlab.example.com",
        "config.yaml:4: gitlab.url: 'gitlab.example.com' is not an http(s) URL",
    ),
    (
        f"projects: [group/app]\ngitlab:\n  token: {TOKEN}\n  concurrency: 0",
        "config.yaml:4: gitlab.concurrency: 0 is below 1",
    ),
    (
        "projects: [group/app]\ngitlab: {token_file: /does/not/exist}",
        "config.yaml:2: gitlab.token_file: '/does/not/exist' does not exist",
    ),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with no configuration in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITLAB_TOKEN", "GITLAB_DORA_PROJECTS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


of_each_wrong_file = pytest.mark.parametrize(
    ("content", "message"), WRONG, ids=[message.partition("; ")[0] for _, message in WRONG]
)


@of_each_wrong_file
def test_a_wrong_file_is_refused_by_its_key(
    here: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    """By both commands; nothing is begun, no store is created, the token is not shown."""
    (here / "config.yaml").write_text(content)
    for command in ("run", "check-config"):
        assert cli.main([command]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert message in err
        assert len(err.splitlines()) == 1
        assert TOKEN not in err
    assert [path.name for path in here.iterdir()] == ["config.yaml"]


@pytest.mark.long
@of_each_wrong_file
def test_the_process_ends_with_1_at_a_wrong_file(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "config.yaml").write_text(content)
    done = run(*ANY_PORT, folder=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"gitlab-dora-exporter {__version__}\n"


def test_help_lists_commands_and_their_flags(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, expected in (
        (["--help"], ["run", "check-config", "doctor", "demo", "--version"]),
        (
            ["run", "--help"],
            ["--config.file", "--web.listen-address", "--web.config.file", "--log.level"],
        ),
        (["check-config", "--help"], ["--config.file", "--web.config.file", "--log.format"]),
        (["doctor", "--help"], ["--config.file", "--json", "--strict", "--max-projects"]),
        (["demo", "--help"], ["--web.listen-address", "127.0.0.1:"]),
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == 0
        told = capsys.readouterr().out
        assert [one for one in expected if one not in told] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["run", "--config", "config.yaml"], "unrecognized arguments: --config config.yaml"),
        (["demo", "--config.file", "config.yaml"], "unrecognized arguments: --config.file"),
        (["serve"], "invalid choice: 'serve'"),
        (["--web.listen-address", "9100"], "'9100' is no address; write host:port"),
        (["--web.listen-address", ":99999"], "':99999' is no address"),
        (["--log.level", "loud"], "invalid choice: 'loud'"),
        (["--log.format", "xml"], "invalid choice: 'xml'"),
        (["--config.file"], "expected one argument"),
    ],
)
def test_wrong_flags_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """Abbreviations too: a flag that comes later may make them ambiguous."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_good_configuration_is_confirmed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "other.yaml").write_text(GOOD)
    assert cli.main(["check-config", "--config.file", "other.yaml"]) == 0
    assert capsys.readouterr() == ("configuration is valid\n", "")


def test_what_is_allowed_but_doubtful_is_warned_of(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "config.yaml").write_text(f"{GOOD}api: {{auth: none}}\n")
    assert cli.main(["check-config"]) == 0
    out, err = capsys.readouterr()
    assert out == "configuration is valid\n"
    assert err.startswith("warning: api.auth: none lets everyone")


def test_all_that_is_wrong_is_told_at_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "config.yaml").write_text(f"{GOOD}colour: red\ntimezone: Mars\n")
    assert cli.main(["check-config"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(": ")[:2] for line in err.splitlines()] == [
        ["config.yaml:3", "colour"],
        ["config.yaml:4", "timezone"],
    ]


def test_a_missing_file_is_told_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check-config", "--config.file", "/does/not/exist.yaml"]) == 1
    assert "/does/not/exist.yaml: cannot be read: No such file" in capsys.readouterr().err


def test_without_a_file_the_environment_is_enough(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check-config"]) == 1
    assert "gitlab.token: no token is given" in capsys.readouterr().err
    monkeypatch.setenv("GITLAB_TOKEN", TOKEN)
    monkeypatch.setenv("GITLAB_DORA_PROJECTS", "group/app")
    assert cli.main(["check-config"]) == 0
    assert not list(here.iterdir())


def test_a_store_that_cannot_be_opened_is_told_by_its_key(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "config.yaml").write_text(f"{GOOD}store: {{url: 'sqlite:///no/such/folder/x.db'}}\n")
    assert cli.main(["run", *ANY_PORT]) == 1
    assert "store.url: cannot open sqlite:///no/such/folder/x.db" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "demo"])
def test_a_taken_port_is_told_before_anything_else_begins(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (here / "config.yaml").write_text(GOOD)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        assert cli.main([command, "--web.listen-address", address]) == 1
    out, err = capsys.readouterr()
    assert f"cannot listen on {address}: Address already in use" in err
    assert out == ""
    assert [path.name for path in here.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_it_serves_what_the_environment_asks_for_until_it_is_told_to_end(
    tmp_path: Path, log_format: str
) -> None:
    """Polled, served and ended with exit code 0; every log line in the format that was asked for.

    No line shows the token.
    """
    world = World()
    world.add_project("group/app")
    with SimulatedGitLab(world) as gitlab:
        environ = {
            "GITLAB_DORA_GITLAB__URL": gitlab.url,
            "GITLAB_TOKEN": DEFAULT_TOKEN,
            "GITLAB_DORA_PROJECTS": "group/app",
        }
        arguments = [*ANY_PORT, "--log.format", log_format, "--log.level", "debug"]
        with started(arguments, folder=tmp_path, environ=environ) as running:
            url = running.url()
            running.wait_until_ready(url)
            assert running.get(f"{url}/-/healthy").status_code == 200
            assert running.end(signal.SIGTERM, 10) == 0
    lines = running.errors
    assert running.output == []
    assert any("ended" in line for line in lines)
    for line in lines:
        if log_format == "json":
            assert {"ts", "level", "logger", "msg"} <= set(json.loads(line))
        else:
            assert line.startswith("ts=")
    assert DEFAULT_TOKEN not in "".join(lines)
    assert (tmp_path / "dora.db").exists()
