"""A GitLab that answers wrongly is named so, whatever it is asked and however it fails."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config import Settings
from exporter.doctor import Examination, Kind, Report
from exporter.simulator import SimulatedGitLab
from exporter.simulator.faults import Fault, FaultKind
from tests.clock import FakeClock
from tests.doctor.setup import REPORTER, TOKEN, Setup

# What of each question must not be missing.
QUESTIONS = {
    "/version": ("version",),
    "/personal_access_tokens/self": ("expires_at", "scopes"),
    "/projects/group%2Fapp$": ("id", "path_with_namespace"),
    "/groups/group$": ("id", "full_path"),
    "/groups/[0-9]+/projects": ("id", "path_with_namespace"),
    "/environments": ("id", "name"),
    "/deployments": ("id", "status", "environment"),
    "/graphql": ("data", "fields", "nodes"),
}


class Silence:
    """Is told of progress, and tells nobody."""

    def expect(self, steps: int) -> None:
        pass

    def advance(self) -> None:
        pass

    def finish(self) -> None:
        pass


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    """A set-up that many examinations look at, one after the other."""
    folder: Path = tmp_path_factory.mktemp("faults")
    with ExitStack() as stack:
        made = Setup.healthy(folder, stack, {})
        made.config["groups"] = ["group"]
        made.serve()
        assert made.gitlab
        stack.callback(made.gitlab.stop)
        yield made


@pytest.fixture
def gitlab(setup: Setup) -> Iterator[SimulatedGitLab]:
    assert setup.gitlab
    yield setup.gitlab
    setup.gitlab.faults.clear()


def examine(setup: Setup) -> Report:
    clock = FakeClock(setup.world.clock())
    settings = Settings.model_validate(setup.config)
    return Examination(settings, lambda: TOKEN, clock=clock, progress=Silence()).run()


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("status", 500),
        ("status", 418),
        ("reset", 0),
        ("truncated_json", 0),
        ("wrong_json", 0),
        ("wrong_types", 0),
    ],
)
def test_whatever_fails_is_told(
    setup: Setup, gitlab: SimulatedGitLab, question: str, name: FaultKind, status: int
) -> None:
    fault = gitlab.faults.add(Fault(name, question, status=status, fields=QUESTIONS[question]))
    report = examine(setup)
    assert fault.met > 0
    kinds = [one.kind for one in report.findings]
    if question == "/graphql":
        assert kinds == [Kind.GRAPHQL_OFF]
        assert (report.exit_code(), report.whole) == (0, True)
        return
    if question == "/version":
        assert kinds[0] in {
            *(Kind.GITLAB_FAILS, Kind.CONNECTION_FAILS, Kind.WEB_PAGE, Kind.NOT_GITLAB)
        }
    else:
        assert kinds == [Kind.GITLAB_FAILS]
    assert (report.exit_code(), report.whole) == (1, False)
    # What else is polled is looked at all the same.
    at_the_door = question in {"/version", "/personal_access_tokens/self"}
    assert report.projects == (0 if at_the_door else 1)


@pytest.mark.parametrize("match", ["/projects/", "/environments", "/merge_requests"])
def test_a_gitlab_that_fails_again_and_again_is_left_alone(
    setup: Setup, gitlab: SimulatedGitLab, match: str
) -> None:
    # Not in the group that all other tests examine.
    setup.world.add_member(setup.world.add_group("shops"), setup.user, REPORTER)
    names = [f"shops/shop-{n}" for n in range(6)]
    for name in names:
        if setup.world.find_project(name) is None:
            setup.deploy_to(setup.world.add_project(name), "production")
    fault = gitlab.faults.add(Fault("status", match, status=500))
    gitlab.faults.add(Fault("status", "/graphql", status=404))
    broken = replace(setup, config={**setup.config, "projects": names, "groups": []})
    report = examine(broken)
    assert fault.met == 3 * 4
    assert report.exit_code() == 1
    assert not report.whole
    assert {one.kind for one in report.findings} == {Kind.GITLAB_FAILS, Kind.GRAPHQL_OFF}


def test_a_token_that_is_revoked_meanwhile_is_told(setup: Setup, gitlab: SimulatedGitLab) -> None:
    gitlab.faults.add(Fault("status", "/deployments", status=401))
    (finding,) = examine(setup).findings
    assert finding.kind is Kind.TOKEN_UNKNOWN


def test_a_short_pause_is_waited_for(setup: Setup, gitlab: SimulatedGitLab) -> None:
    gitlab.faults.add(Fault("status", "/environments", times=1, status=429, retry_after=5))
    assert not examine(setup).findings


def test_a_long_pause_is_told_with_what_was_found_before(
    setup: Setup, gitlab: SimulatedGitLab
) -> None:
    gitlab.faults.add(Fault("status", "/deployments", status=429, retry_after=600))
    (finding,) = examine(setup).findings
    assert finding.kind is Kind.RATE_LIMIT_SPENT
    # A try that came before the pause had its own small one.
    assert re.fullmatch(r"it asks to wait, for the next (599|600) s", finding.what)


def test_small_pauses_are_not_waited_for_without_end(setup: Setup, gitlab: SimulatedGitLab) -> None:
    fault = gitlab.faults.add(Fault("status", "/environments", status=429, retry_after=9))
    (finding,) = examine(setup).findings
    assert finding.kind is Kind.RATE_LIMIT_SPENT
    assert 3 < fault.met < 10
