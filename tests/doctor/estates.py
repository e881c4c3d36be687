"""Set-ups in which what is polled, or what it deploys, is not as the numbers need it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from exporter.simulator.faults import Fault
from tests.doctor.setup import Case, Setup

Broken = Callable[[Setup], object]


def _polling(setup: Setup, *projects: str | int) -> None:
    setup.config["projects"] = list(projects)


def _group_as_project(setup: Setup) -> None:
    setup.world.add_project("group/below/shop")
    _polling(setup, "group/below")


def _group(setup: Setup, path: str = "group", **more: Any) -> None:
    setup.config["projects"] = []
    setup.config["groups"] = [{"path": path, **more}]


def _guest(setup: Setup) -> None:
    setup.world.add_member(setup.world.add_group("group"), setup.user, 0)
    setup.world.add_member(setup.app, setup.user, 10)


def _moved(setup: Setup) -> None:
    setup.world.move_project(setup.app, "group/shop")


def _archived_group(setup: Setup) -> None:
    setup.world.archive_project(setup.app)
    _group(setup)


def _empty_group(setup: Setup) -> None:
    setup.world.add_group("group/empty")
    _group(setup, "group/empty")


def _subgroups_left_out(setup: Setup) -> None:
    setup.world.add_project("group/below/deep/app")
    _group(setup, "group/below", include_subgroups=False)


def _all_excluded(setup: Setup) -> None:
    _group(setup)
    setup.config["exclude"] = ["^group/"]


def _config(**sections: Any) -> Broken:
    return lambda setup: setup.config.update(sections)


def _off(name: str) -> Broken:
    return lambda setup: setattr(setup.app, name, False)


def _both_off(setup: Setup) -> None:
    setup.app.jobs = setup.app.deploys = False


def _only(*names: str, **traits: Any) -> Broken:
    """Let the project deploy to these environments only."""

    def broken(setup: Setup) -> None:
        project = setup.bare_project()
        for name in names:
            setup.deploy_to(project, name, **traits)

    return broken


def _never_deployed(setup: Setup) -> None:
    setup.world.add_environment(setup.bare_project(), "production")


def _production_idle(setup: Setup) -> None:
    setup.deploy_to(setup.bare_project(), "www")
    setup.world.add_environment(setup.app, "production")


def _also(name: str, tier: str) -> Broken:
    """Let the project deploy to one environment more, of this tier."""
    return lambda setup: setup.deploy_to(setup.app, name, tier=tier)


def _preprod_by_rule(setup: Setup) -> None:
    setup.deploy_to(setup.app, "preprod")
    setup.config["environments"] = {"tier_overrides": [{"match": "prod", "tier": "production"}]}


def _fast_forward(setup: Setup) -> None:
    _only("production", linked=False)(setup)
    setup.app.merge_method = "ff"


def _no_merge_requests(setup: Setup) -> None:
    _only("production", merged=False)(setup)
    setup.app.merges = False


def _library(setup: Setup) -> None:
    """A group in which nothing is deployed, though no project of it is named."""
    setup.bare_project()
    _group(setup)


def _deployments_fail(setup: Setup) -> None:
    setup.serve()
    assert setup.gitlab
    setup.gitlab.faults.add(Fault("status", match="/deployments", status=500))


_DEAD = {"match": "^live-", "tier": "production"}

ESTATES = [
    Case("project that is not there", "project-missing", lambda s: _polling(s, "group/ap")),
    Case("project by an unknown id", "project-missing", lambda s: _polling(s, 4711)),
    Case("group among projects", "project-is-group", _group_as_project),
    Case("moved project", "project-moved", _moved, mild=True, also=("group/shop",)),
    Case(
        "archived project",
        "project-archived",
        lambda s: s.world.archive_project(s.app),
        mild=True,
    ),
    Case("excluded project", "project-excluded", _config(exclude=["/app$"]), also=("'/app$'",)),
    Case("group that is not there", "group-missing", lambda s: _group(s, "groop")),
    Case("project among groups", "group-is-project", lambda s: _group(s, "group/app")),
    Case("group without projects", "group-empty", _empty_group),
    Case("subgroups left out", "group-empty", _subgroups_left_out, also=("subgroups",)),
    Case("group of archived projects", "group-only-archived", _archived_group),
    Case("every project excluded", "all-excluded", _all_excluded),
    Case("Guest token", "role-too-low", _guest, also=("Guest",)),
    Case("environments switched off", "environments-off", _off("deploys")),
    Case("CI/CD and environments off", "environments-off", _both_off),
    Case("CI/CD switched off", "ci-off", _off("jobs"), mild=True),
    Case("no environments", "no-environments", lambda s: s.bare_project()),
    Case("never deployed", "no-deployments", _never_deployed),
    Case(
        "only failed deployments",
        "only-unsuccessful",
        _only("production", status="failed"),
        also=("5 failed",),
    ),
    Case("group of libraries", "nothing-deployed", _library),
    Case(
        "production-eu set to development",
        "production-missed",
        _only("production-eu", tier="development"),
        also=("production-eu", "counts as development", "as set in GitLab"),
    ),
    Case(
        "fintech-prod guessed as testing",
        "production-missed",
        _only("fintech-prod"),
        also=("counts as testing", "'int'"),
    ),
    Case(
        "preprod set to production",
        "counted-as-production",
        _also("preprod", "production"),
        also=("preprod", "as set in GitLab"),
    ),
    Case(
        "preprod made production by a rule",
        "counted-as-production",
        _preprod_by_rule,
        also=("by the rule 'prod'",),
    ),
    Case("only review apps", "only-review-apps", _only("review/a", "review/b")),
    Case(
        "no production environment",
        "no-production",
        _only("main", "www"),
        also=("main (other), www (other)",),
    ),
    Case("production never deployed", "production-not-deployed", _production_idle),
    Case("qa set to staging", "tier-disagrees", _also("qa", "staging"), mild=True),
    Case(
        "several production environments",
        "several-production",
        _also("production-us", "production"),
        mild=True,
        also=("production, production-us",),
    ),
    Case(
        "fast-forward project",
        "no-merge-requests",
        _fast_forward,
        also=("fast-forward",),
    ),
    Case(
        "deployments by the API",
        "no-merge-requests",
        _only("production", linked=False, deployable=False),
        also=("through the API",),
    ),
    Case(
        "commits without merge requests",
        "no-merge-requests",
        _only("production", merged=False),
        also=("straight to the branch",),
    ),
    Case(
        "merge requests switched off",
        "no-merge-requests",
        _no_merge_requests,
        also=("switched off",),
    ),
    Case(
        "production in a folder",
        "no-merge-requests",
        _only("production/eu", linked=False),
        also=("in a folder",),
    ),
    Case(
        "target branches that match nothing",
        "target-branches-match-nothing",
        _config(lead_time={"target_branches": ["release/*"]}),
        also=("into main",),
    ),
    Case(
        "every author excluded",
        "authors-all-excluded",
        _config(lead_time={"exclude_authors": ["ann"]}),
        also=(": ann;",),
    ),
    Case(
        "last deployed a year ago",
        "deployed-long-ago",
        _only("production", last=timedelta(days=365)),
        mild=True,
    ),
    Case(
        "rule that matches nothing",
        "override-unused",
        _config(environments={"tier_overrides": [_DEAD]}),
        mild=True,
        also=("'^live-'",),
    ),
    Case(
        "exclude that matches nothing", "exclude-unused", _config(exclude=["^sandbox/"]), mild=True
    ),
]

SLOW = [Case("GitLab fails at one project", "gitlab-fails", _deployments_fail, also=("group/app",))]
"""Sets GitLab's failures aside for some seconds."""
