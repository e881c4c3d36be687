"""The command ``doctor``: its exit code, its JSON, and what it leaves alone."""

import json
from pathlib import Path

import pytest
import yaml

from exporter import cli
from tests.doctor.conftest import Examine
from tests.doctor.setup import TOKEN, Setup
from tests.process import run


def test_strict_takes_warnings_for_errors(doctor: Examine, setup: Setup) -> None:
    setup.config["poll"] = {"history": "30d"}
    assert doctor()[0] == 0
    assert doctor("--strict")[0] == 1


def test_json_has_all_subjects_and_the_same_exit_code(doctor: Examine, setup: Setup) -> None:
    names = [f"group/library-{n}" for n in range(5)]
    for name in names:
        setup.world.add_project(name)
    setup.config["projects"] += names
    code, lines = doctor()
    assert code == 1
    assert lines[0].startswith("error: [no-environments] group/library-0, group/library-1,")
    assert "and 2 more: " in lines[0]
    code, lines = doctor("--json")
    told = json.loads("\n".join(lines))
    (finding,) = told["findings"]
    assert code == 1
    assert (finding["severity"], finding["code"]) == ("error", "no-environments")
    assert finding["subjects"] == names
    assert all(finding[name] for name in ("what", "effect", "remedy"))
    assert told["projects"] == {"looked_at": 6, "in_scope": 6}
    assert told["whole"] is True


def test_only_so_many_projects_are_looked_at(doctor: Examine, setup: Setup) -> None:
    for n in range(20):
        setup.deploy_to(setup.world.add_project(f"group/shop-{n}"), "production")
    setup.config["groups"] = ["group"]
    code, lines = doctor("--max-projects", "4")
    assert lines[-1].startswith("nothing found; looked at 4 of 21 projects in ")
    assert code == 0
    assert setup.gitlab
    asked = [one.path for one in setup.gitlab.requests if one.path.endswith("/environments")]
    assert len(set(asked)) == 4
    assert f"/api/v4/projects/{setup.app.id}/environments" in asked


def test_gitlab_is_only_read(doctor: Examine, setup: Setup) -> None:
    doctor()
    assert setup.gitlab
    assert {one.method for one in setup.gitlab.requests if "graphql" not in one.path} == {"GET"}


def test_names_of_others_do_not_reach_the_terminal_raw(doctor: Examine, setup: Setup) -> None:
    setup.deploy_to(setup.app, "prod\x1b[2J\nok", tier="other")
    _, lines = doctor()
    assert len(lines) == 2
    assert "environment prod\\x1b[2J\\nok:" in lines[0]


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_secrets_in_names_of_others_are_not_shown(
    doctor: Examine, setup: Setup, flags: tuple[str, ...]
) -> None:
    setup.deploy_to(setup.app, f'prod {TOKEN} private_token=abc"', tier="other")
    _, lines = doctor(*flags)
    text = "\n".join(lines)
    assert "prod [redacted] private_token=[redacted]" in text
    assert "abc" not in text
    assert not flags or json.loads(text)["findings"][0]["code"] == "production-missed"


def test_a_wrong_configuration_is_told_as_by_the_other_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("gitlab: {token: x}\nprojects: [app]\n")
    assert cli.main(["doctor"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "config.yaml:2: projects[0]: 'app'" in err


@pytest.mark.parametrize("number", ["0", "-1", "many"])
def test_a_wrong_number_of_projects_is_refused(
    capsys: pytest.CaptureFixture[str], number: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["doctor", "--max-projects", number])
    assert ended.value.code == 2
    assert "no number" in capsys.readouterr().err or number == "-1"


def test_the_real_command_does_the_same(setup: Setup) -> None:
    setup.serve()
    setup.config["projects"] = ["group/app", "group/gone"]
    (setup.folder / "config.yaml").write_text(yaml.safe_dump(setup.config))
    done = run("doctor", folder=setup.folder)
    assert done.returncode == 1
    assert done.stdout.startswith("error: [project-missing] project group/gone: it does not exist")
    assert TOKEN not in done.stdout + done.stderr
    assert [path.name for path in setup.folder.iterdir()] == ["config.yaml"]
