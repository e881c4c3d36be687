"""Broken set-ups, each named rightly in the first three lines, and a healthy one that is not."""

import re
from datetime import timedelta

import pytest

from exporter.doctor import Kind
from exporter.simulator.faults import Fault
from tests.doctor.conftest import Examine
from tests.doctor.estates import ESTATES, SLOW
from tests.doctor.setup import Case, Setup
from tests.doctor.ways import WAYS

CASES = [*WAYS, *ESTATES, *(pytest.param(one, marks=pytest.mark.long) for one in SLOW)]


def codes(lines: list[str]) -> list[str]:
    told = (re.match(r"(?:error|warning): \[(.*?)\]", line) for line in lines)
    return [found[1] for found in told if found]


def test_nothing_is_found_where_nothing_is_wrong(doctor: Examine, setup: Setup) -> None:
    code, lines = doctor()
    assert setup.gitlab
    asked = len(setup.gitlab.requests)
    assert lines == [f"nothing found; looked at 1 of 1 project in {asked} requests"]
    assert code == 0
    assert asked <= 10


def test_nothing_is_found_in_a_healthy_group_by_tls(doctor: Examine, setup: Setup) -> None:
    setup.certificate()
    setup.config |= {"projects": [], "groups": ["group"]}
    setup.deploy_to(setup.world.add_project("group/below/shop"), "production")
    code, lines = doctor()
    assert lines[0].startswith("nothing found; looked at 2 of 2 projects")
    assert code == 0


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_broken_set_up_is_named_in_the_first_three_lines(
    doctor: Examine, setup: Setup, case: Case
) -> None:
    case.broken(setup)
    code, lines = doctor()
    assert case.code in codes(lines[:3]), lines
    (line,) = [one for one in lines[:3] if f"[{case.code}]" in one]
    assert [words for words in case.also if words not in line] == []
    assert line.startswith("warning: " if case.mild else "error: ")
    assert code == (0 if case.mild else 1)
    # What is told beside it would only hide it.
    assert len(codes(lines)) <= 3, lines


def test_the_catalogue_shows_every_kind() -> None:
    shown = {case.code for case in [*WAYS, *ESTATES, *SLOW]}
    assert shown == {kind.value.code for kind in Kind}
    assert len({kind.value.code for kind in Kind}) == len(Kind)


def test_deploying_a_commit_again_is_not_missing_merge_requests(
    doctor: Examine, setup: Setup
) -> None:
    setup.deploy_to(setup.bare_project(), "production", linked=False, sha="5" * 40)
    assert doctor()[0] == 0


def test_a_rule_for_one_name_says_that_it_is_meant(doctor: Examine, setup: Setup) -> None:
    setup.deploy_to(setup.app, "demo", tier="staging")
    rules = [{"match": "^demo$", "tier": "production"}]
    setup.config["environments"] = {"tier_overrides": rules}
    code, lines = doctor()
    assert codes(lines) == ["several-production"]
    assert code == 0


def test_one_refused_group_hides_no_other(doctor: Examine, setup: Setup) -> None:
    setup.config["groups"] = ["group", "closed"]
    setup.serve()
    assert setup.gitlab
    setup.gitlab.faults.add(Fault("status", match="/groups/closed", status=403))
    code, lines = doctor()
    assert codes(lines) == ["group-missing"]
    assert "GitLab refuses it (GET /groups/closed: 403" in lines[0]
    assert lines[-1].startswith("1 error; looked at 1 of 1 project in ")
    assert code == 1


def test_what_is_deployed_to_seldom_is_asked_for_by_name(doctor: Examine, setup: Setup) -> None:
    project = setup.bare_project()
    setup.deploy_to(project, "fintech-prod", last=timedelta(days=3))
    setup.deploy_to(project, "live", last=timedelta(days=2), linked=False)
    setup.deploy_to(project, "staging", number=120)
    code, lines = doctor()
    assert codes(lines) == ["production-missed", "no-merge-requests"]
    assert code == 1


def test_what_is_not_deployed_to_any_more_is_a_warning(doctor: Examine, setup: Setup) -> None:
    setup.deploy_to(setup.app, "prod-old", tier="other", last=timedelta(days=300))
    setup.world.add_environment(setup.app, "preprod", tier="production")
    code, lines = doctor()
    assert codes(lines) == ["production-missed", "counted-as-production"]
    assert all(line.startswith("warning: ") for line in lines[:2])
    assert code == 0
