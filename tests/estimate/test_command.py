"""``check-config --estimate``: what it prints, as lines and as JSON, and what of trouble."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from exporter import cli
from exporter.estimate import Estimate
from exporter.estimate.estate import MOST_REQUESTS
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.simulator.generator import generate
from tests.poller.estate import add_app, deploy


@pytest.fixture(scope="module")
def world() -> World:
    world = World()
    generate(world, seed=1, projects=6, days=60)
    return world


def configuration(folder: Path, url: str, more: str = "groups: [acme]") -> str:
    file = folder / "config.yaml"
    limits = "max_requests_per_second: 1000"
    file.write_text(f"gitlab: {{url: '{url}', token: {DEFAULT_TOKEN}, {limits}}}\n{more}\n")
    return f"--config.file={file}"


def test_people_are_told_in_lines(
    tmp_path: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with SimulatedGitLab(world) as gitlab:
        file = configuration(tmp_path, gitlab.url)
        assert cli.main(["check-config", file, "--estimate"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "configuration is valid"
    assert [line.split("  ")[0] for line in told[1:]] == [
        "in scope",
        "known from",
        "first poll",
        "afterwards",
        "series",
        "memory",
    ]
    assert "6 projects and 11 groups" in told[1]
    assert "all of the projects" in told[2]


def test_programs_are_told_in_json(
    tmp_path: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with SimulatedGitLab(world) as gitlab:
        file = configuration(tmp_path, gitlab.url, "projects: [acme/shop/storefront]")
        assert cli.main(["check-config", file, "--estimate", "--json"]) == 0
        assert gitlab.requests
    told = json.loads(capsys.readouterr().out)
    assert [*told] == [one.name for one in fields(Estimate)]
    assert (told["projects"], told["groups"], told["looked_at"]) == (1, 0, 1)
    assert told["first_poll_requests"] >= 4
    assert told["memory"] < told["memory_in_the_end"]


def test_many_groups_and_projects_take_no_more_requests(tmp_path: Path) -> None:
    world = World()
    for number in range(5):
        generate(world, seed=number, projects=3, days=20, root=f"group-{number}")
        for each in range(130):
            world.add_project(f"group-{number}/many/{each}")
    entries = ", ".join(f"group-{number}" for number in range(4))
    listed = ", ".join(f"group-4/many/{each}" for each in range(60))
    with SimulatedGitLab(world) as gitlab:
        file = configuration(tmp_path, gitlab.url, f"groups: [{entries}]\nprojects: [{listed}]")
        assert cli.main(["check-config", file, "--estimate"]) == 0
        assert len(gitlab.requests) <= MOST_REQUESTS


def test_comparisons_of_commits_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World()
    production = add_app(world)
    for number in range(40):  # every other one without a merge request
        deploy(world, production, *([3600] if number % 2 else []), ago=7200 * (number + 1))
    more = "groups: [acme]\nlead_time: {missing_links: compare}"
    told = []
    with SimulatedGitLab(world) as gitlab:
        for one in ("groups: [acme]", more):
            file = configuration(tmp_path, gitlab.url, one)
            assert cli.main(["check-config", file, "--estimate", "--json"]) == 0
            told.append(json.loads(capsys.readouterr().out))
        assert cli.main(["check-config", file, "--estimate"]) == 0
    without, compared = told
    assert without["comparisons"] == 0 < compared["comparisons"] < compared["deployments"]
    assert without["first_poll_requests"] < compared["first_poll_requests"]
    assert without["requests_per_hour"] < compared["requests_per_hour"]
    assert f"asks for {compared['comparisons']:,} comparisons" in capsys.readouterr().out


def test_too_many_series_are_told(
    tmp_path: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with SimulatedGitLab(world) as gitlab:
        file = configuration(tmp_path, gitlab.url, "groups: [acme]\nmetrics: {max_series: 10}")
        assert cli.main(["check-config", file, "--estimate"]) == 0
    assert "more than metrics.max_series (10)" in capsys.readouterr().out


def test_gitlabs_own_rate_limit_is_reckoned_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World()
    generate(world, seed=2, projects=3, days=20)
    world.features.rate_limit_per_minute = 600
    with SimulatedGitLab(world) as gitlab:
        file = configuration(tmp_path, gitlab.url)
        assert cli.main(["check-config", file, "--estimate"]) == 0
    assert "at 9 a second (GitLab's rate limit" in capsys.readouterr().out


def test_without_the_flag_gitlab_is_not_asked(tmp_path: Path, world: World) -> None:
    with SimulatedGitLab(world) as gitlab:
        assert cli.main(["check-config", configuration(tmp_path, gitlab.url)]) == 0
        assert gitlab.requests == []


@pytest.mark.parametrize(
    ("more", "told"), [("groups: [nowhere]", "/groups/nowhere"), ("projects: [no/where]", "404")]
)
def test_what_is_not_there_is_told(
    tmp_path: Path, world: World, capsys: pytest.CaptureFixture[str], more: str, told: str
) -> None:
    with SimulatedGitLab(world) as gitlab:
        file = configuration(tmp_path, gitlab.url, more)
        assert cli.main(["check-config", file, "--estimate"]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert "404" in error
    assert "`gitlab-dora-exporter doctor` tells more" in error
    assert DEFAULT_TOKEN not in error


def test_json_of_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = configuration(tmp_path, "http://127.0.0.1:9")
    assert cli.main(["check-config", file, "--json"]) == 1
    assert "add --estimate" in capsys.readouterr().err
