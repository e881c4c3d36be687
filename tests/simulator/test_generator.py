from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from random import Random
from statistics import median
from zoneinfo import ZoneInfo

import pytest

from exporter.simulator import World, generator
from exporter.simulator.world import Deployment, Environment, MergeRequest, Project

END = datetime(2026, 9, 1, 15, 3, 2, 123456, tzinfo=UTC)
DAYS = 120
START = END - timedelta(days=DAYS)
SEEDS = (1, 2, 3, 42, 2026)
LINKED_TIERS = {"production", "staging"}
Snapshot = list[tuple[object, ...]]


def new_world(now: datetime = END) -> World:
    return World(lambda: now)


@cache
def company(seed: int) -> World:
    """Give the company of a seed; tests only read it."""
    world = new_world()
    generator.generate(world, seed=seed, days=DAYS)
    return world


def wild(seed: int) -> World:
    world = new_world()
    generator.random_history(world, rng=Random(seed), end=END, days=400)
    return world


def merge_requests_of(world: World) -> list[MergeRequest]:
    return [m for project in world.projects.values() for m in project.merge_requests.values()]


def deployments_of(world: World) -> dict[Environment, list[Deployment]]:
    found: dict[Environment, list[Deployment]] = defaultdict(list)
    for _, deployment in sorted(world.deployments.items()):
        found[deployment.environment].append(deployment)
    return found


def successes(deployments: list[Deployment]) -> list[tuple[datetime, Deployment]]:
    return [
        (deployment.finished_at, deployment)
        for deployment in deployments
        if deployment.status == "success" and deployment.finished_at is not None
    ]


def lead_times(world: World) -> Iterator[tuple[Environment, datetime, float]]:
    for environment, deployments in deployments_of(world).items():
        for finished_at, deployment in successes(deployments):
            for merge_request in deployment.merge_requests:
                assert merge_request.merged_at is not None
                seconds = (finished_at - merge_request.merged_at).total_seconds()
                yield environment, finished_at, seconds


def project_named(world: World, name: str) -> Project:
    return next(p for p in world.projects.values() if p.name == name)


def snapshot(world: World) -> Snapshot:
    groups: Snapshot = [(g.id, g.path) for g in world.groups.values()]
    projects: Snapshot = [(p.id, p.path, p.archived, p.created_at) for p in world.projects.values()]
    environments: Snapshot = [
        (e.id, e.project.id, e.name, e.tier, e.state, e.created_at)
        for e in world.environments.values()
    ]
    merge_requests: Snapshot = [
        (m.id, m.iid, m.project.id, m.title, m.state, m.author) for m in merge_requests_of(world)
    ]
    merges: Snapshot = [
        (m.created_at, m.merged_at, m.source_branch, m.target_branch)
        for m in merge_requests_of(world)
    ]
    deployments: Snapshot = [
        (d.id, d.iid, d.environment.id, d.status, d.created_at, d.updated_at, d.finished_at)
        for d in world.deployments.values()
    ]
    contents: Snapshot = [
        (d.ref, d.sha, d.deployable, tuple(m.id for m in d.merge_requests))
        for d in world.deployments.values()
    ]
    return groups + projects + environments + merge_requests + merges + deployments + contents


def moments(world: World) -> Iterator[datetime]:
    for merge_request in merge_requests_of(world):
        yield merge_request.created_at
        if merge_request.merged_at is not None:
            yield merge_request.merged_at
    for deployment in world.deployments.values():
        yield deployment.created_at
        yield deployment.updated_at
        if deployment.finished_at is not None:
            yield deployment.finished_at
    for environment in world.environments.values():
        yield environment.created_at
    for project in world.projects.values():
        yield project.created_at


def assert_links_are_gitlabs(world: World) -> None:
    """Check what GitLab's link table and its rules for folders and statuses guarantee."""
    for environment, deployments in deployments_of(world).items():
        linked = [m.id for d in deployments for m in d.merge_requests]
        assert len(linked) == len(set(linked)), environment.name
        if environment.folder is not None and environment.tier not in LINKED_TIERS:
            assert not linked, environment.name
        for deployment in deployments:
            for merge_request in deployment.merge_requests:
                assert deployment.status == "success"
                assert merge_request.state == "merged"
                assert merge_request.project is deployment.project


# The company


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_seed_gives_the_same_company(seed: int) -> None:
    again = new_world()
    generator.generate(again, seed=seed, days=DAYS, end=END)
    assert snapshot(again) == snapshot(company(seed))


def test_another_seed_gives_another_company() -> None:
    assert snapshot(company(1)) != snapshot(company(2))


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_happens_after_the_end(seed: int) -> None:
    assert max(moments(company(seed))) <= END


@pytest.mark.parametrize("seed", SEEDS)
def test_times_have_microseconds(seed: int) -> None:
    fractions = [moment.microsecond for moment in moments(company(seed))]
    assert sum(fraction % 1000 != 0 for fraction in fractions) > 0.9 * len(fractions)


@pytest.mark.parametrize("seed", SEEDS)
def test_links_follow_gitlabs_rules(seed: int) -> None:
    assert_links_are_gitlabs(company(seed))


@pytest.mark.parametrize("seed", SEEDS)
def test_ids_grow_with_creation(seed: int) -> None:
    world = company(seed)
    for before, after in pairwise(
        deployment for _, deployment in sorted(world.deployments.items())
    ):
        assert before.created_at <= after.created_at
    for project in world.projects.values():
        requests = [project.merge_requests[iid] for iid in sorted(project.merge_requests)]
        assert all(a.created_at <= b.created_at for a, b in pairwise(requests))


@pytest.mark.parametrize("seed", SEEDS)
def test_deployments_to_an_environment_finish_in_the_order_of_their_ids(seed: int) -> None:
    for deployments in deployments_of(company(seed)).values():
        finished = [finished_at for finished_at, _ in successes(deployments)]
        assert finished == sorted(finished)


@pytest.mark.parametrize("seed", SEEDS)
def test_groups_are_nested_and_some_hold_no_project(seed: int) -> None:
    world = company(seed)
    assert {path.count("/") for path in (g.path for g in world.groups.values())} == {0, 1, 2, 3}
    with_projects = {project.namespace.id for project in world.projects.values()}
    assert 0 < len(with_projects) < len(world.groups)
    assert {g.path.partition("/")[0] for g in world.groups.values()} == {"acme"}


@pytest.mark.parametrize("seed", SEEDS)
def test_it_has_every_status_and_tier(seed: int) -> None:
    world = company(seed)
    statuses = {deployment.status for deployment in world.deployments.values()}
    assert {"success", "failed", "canceled", "running", "blocked", "skipped"} <= statuses
    tiers = {deployment.environment.tier for deployment in world.deployments.values()}
    assert tiers == {"production", "staging", "testing", "development", "other"}


@pytest.mark.parametrize("seed", SEEDS)
def test_hundreds_of_merge_requests_stand_behind_it(seed: int) -> None:
    merged = [m for m in merge_requests_of(company(seed)) if m.state == "merged"]
    assert len(merged) > 800
    assert sum(m.merged_at is not None and m.merged_at >= START for m in merged) > 500
    assert {m.state for m in merge_requests_of(company(seed))} == {"merged", "closed", "opened"}


@pytest.mark.parametrize("seed", SEEDS)
def test_people_merge_in_working_hours(seed: int) -> None:
    local = [
        m.merged_at.astimezone(ZoneInfo("Europe/Berlin"))
        for m in project_named(company(seed), "storefront").merge_requests.values()
        if m.merged_at is not None
        and m.merged_at >= START
        and not m.source_branch.startswith("hotfix-")
    ]
    assert len(local) > 100
    assert sum(at.weekday() >= 5 for at in local) < 0.06 * len(local)
    assert all(7 <= at.hour < 20 for at in local)


@pytest.mark.parametrize("seed", SEEDS)
def test_teams_differ_in_temperament(seed: int) -> None:
    world = company(seed)
    rate: Counter[str] = Counter()
    for environment, deployments in deployments_of(world).items():
        if environment.tier == "production":
            rate[environment.project.name] += sum(
                finished_at >= START for finished_at, _ in successes(deployments)
            )
    working_days = DAYS * 5 / 7
    assert rate["storefront"] > 2 * working_days
    assert 10 <= rate["billing"] <= 35
    assert 0 < rate["reports"] < working_days / 2
    assert rate["handbook"] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sleeper_has_quiet_weeks_and_wakes_again(seed: int) -> None:
    sleeper = project_named(company(seed), "reports")
    days = sorted(d.created_at for d in company(seed).deployments.values() if d.project is sleeper)
    gaps = [after - before for before, after in pairwise(days)]
    assert sum(gap > timedelta(days=14) for gap in gaps) >= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_one_project_never_deployed_and_one_is_archived(seed: int) -> None:
    world = company(seed)
    deployed = {deployment.project.id for deployment in world.deployments.values()}
    assert [p.name for p in world.projects.values() if p.id not in deployed] == ["handbook"]
    archived = [p for p in world.projects.values() if p.archived]
    assert [p.name for p in archived] == ["monolith"]
    last = max(d.created_at for d in world.deployments.values() if d.project is archived[0])
    assert START < last < END - timedelta(days=40)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_lead_time_of_one_project_doubles_in_the_last_weeks(seed: int) -> None:
    turn = END - timedelta(days=28)
    before, lately = [], []
    for environment, finished_at, seconds in lead_times(company(seed)):
        if environment.project.name == "search" and environment.tier == "production":
            if finished_at >= turn:
                lately.append(seconds)
            elif finished_at >= START:
                before.append(seconds)
    assert median(lately) >= 1.8 * median(before) > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_bots_open_most_merge_requests_of_one_project(seed: int) -> None:
    authors = Counter(
        m.author for m in project_named(company(seed), "images").merge_requests.values()
    )
    assert authors["renovate-bot"] > 0.4 * authors.total()


@pytest.mark.parametrize("seed", SEEDS)
def test_one_project_has_two_production_environments_with_links(seed: int) -> None:
    world = company(seed)
    counts = {
        environment.name: sum(len(d.merge_requests) for d in deployments)
        for environment, deployments in deployments_of(world).items()
        if environment.project.name == "gateway" and environment.tier == "production"
    }
    assert counts.keys() == {"production/eu", "production/us"}
    assert min(counts.values()) > 10


@pytest.mark.parametrize("seed", SEEDS)
def test_review_apps_come_and_go_without_links(seed: int) -> None:
    apps = [e for e in company(seed).environments.values() if e.name.startswith("review/")]
    assert len(apps) > 15
    assert {app.tier for app in apps} == {"development"}
    assert sum(app.state == "stopped" for app in apps) > 10
    assert not any(app.linked for app in apps)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lasting_environment_was_given_up(seed: int) -> None:
    stopped = [
        e for e in company(seed).environments.values() if e.state == "stopped" and e.folder is None
    ]
    assert [e.name for e in stopped] == ["qa-legacy"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_first_deployment_links_everything_merged_into_its_branch(seed: int) -> None:
    checked = 0
    for environment, deployments in deployments_of(company(seed)).items():
        if environment.folder is not None and environment.tier not in LINKED_TIERS:
            continue
        finished_at, first = successes(deployments)[0]
        assert set(first.merge_requests) == {
            m
            for m in environment.project.merge_requests.values()
            if m.merged_at is not None
            and m.merged_at <= finished_at
            and m.target_branch == first.ref
        }
        checked += 1
    assert checked > 15


@pytest.mark.parametrize("seed", SEEDS)
def test_first_deployments_lie_inside_and_before_the_window(seed: int) -> None:
    firsts = [
        successes(deployments)[0][0]
        for environment, deployments in deployments_of(company(seed)).items()
        if environment.tier == "production"
    ]
    assert sum(first < START for first in firsts) > 5
    assert sum(first >= START for first in firsts) >= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_new_production_environment_links_what_is_months_old(seed: int) -> None:
    young = next(e for e in company(seed).environments.values() if e.name == "production/us")
    finished_at, first = successes(deployments_of(company(seed))[young])[0]
    oldest = min(m.merged_at for m in first.merge_requests if m.merged_at is not None)
    assert finished_at >= START
    assert finished_at - oldest > timedelta(days=90)


@pytest.mark.parametrize("seed", SEEDS)
def test_roll_backs_and_deployments_done_again_link_nothing(seed: int) -> None:
    again, back = 0, 0
    for environment, deployments in deployments_of(company(seed)).items():
        shas: list[str] = []
        for _, deployment in successes(deployments):
            if deployment.sha in shas:
                assert not deployment.merge_requests, environment.name
                again += shas[-1] == deployment.sha
                back += shas[-1] != deployment.sha
            shas.append(deployment.sha)
    assert again >= 3
    assert back >= 3


@pytest.mark.parametrize("seed", SEEDS)
def test_hotfixes_are_deployed_before_they_are_merged(seed: int) -> None:
    early = [environment for environment, _, seconds in lead_times(company(seed)) if seconds < 0]
    assert len(early) >= 3
    assert {environment.tier for environment in early} == {"production"}


@pytest.mark.parametrize("seed", SEEDS)
def test_trains_deploy_what_was_merged_into_release_branches(seed: int) -> None:
    production = next(
        e
        for e in company(seed).environments.values()
        if e.project.name == "billing" and e.name == "production"
    )
    for _, deployment in successes(deployments_of(company(seed))[production])[1:]:
        targets = {m.target_branch for m in deployment.merge_requests}
        assert targets <= {"main", deployment.ref}
    linked = [m for d in deployments_of(company(seed))[production] for m in d.merge_requests]
    assert sum(m.target_branch.startswith("release/") for m in linked) >= 5
    assert sum(m.target_branch == "main" for m in linked) >= 50


@pytest.mark.parametrize("seed", SEEDS)
def test_some_deployments_run_for_hours(seed: int) -> None:
    durations = [
        (d.finished_at - d.created_at).total_seconds()
        for d in company(seed).deployments.values()
        if d.finished_at is not None
    ]
    assert sum(duration > 3 * 3600 for duration in durations) > 20
    assert median(durations) < 600


@pytest.mark.parametrize("seed", SEEDS)
def test_some_deployments_are_made_without_a_job(seed: int) -> None:
    projects = {d.project.name for d in company(seed).deployments.values() if not d.deployable}
    assert projects == {"mobile"}


@pytest.mark.parametrize(("projects", "days"), [(1, 120), (12, 1), (12, 7), (30, 60), (0, 10)])
def test_other_sizes_follow_the_same_rules(projects: int, days: int) -> None:
    world = new_world()
    generator.generate(world, seed=5, projects=projects, days=days, root="big/corp")
    assert len(world.projects) == projects
    assert all(project.path.startswith("big/corp/") for project in world.projects.values())
    assert max(moments(world), default=END) <= END
    assert_links_are_gitlabs(world)


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="days"):
        generator.generate(new_world(), seed=1, days=0)


# Wild estates


def test_the_same_rng_gives_the_same_wild_estate() -> None:
    assert [snapshot(wild(seed)) for seed in range(20)] == [
        snapshot(wild(seed)) for seed in range(20)
    ]


def test_wild_estates_keep_to_gitlabs_rules_and_the_end() -> None:
    for seed in range(150):
        world = wild(seed)
        assert_links_are_gitlabs(world)
        assert max(moments(world)) <= END
        for deployments in deployments_of(world).values():
            finished = [finished_at for finished_at, _ in successes(deployments)]
            assert finished == sorted(finished)


def test_wild_estates_stay_small() -> None:
    for seed in range(150):
        world = wild(seed)
        assert 1 <= len(world.groups) <= 3
        assert 1 <= len(world.projects) <= 5
        assert all(len(project.environments) <= 5 for project in world.projects.values())
        for deployments in deployments_of(world).values():
            assert len(deployments) <= 30
            assert max(len(d.merge_requests) for d in deployments) <= 6


def test_wild_estates_reach_every_edge() -> None:
    worlds = [wild(seed) for seed in range(150)]
    deployments = [d for world in worlds for d in world.deployments.values()]
    finished = [d.finished_at for d in deployments if d.finished_at is not None]
    leads = [seconds for world in worlds for _, _, seconds in lead_times(world)]
    requests = [m for world in worlds for m in merge_requests_of(world)]
    assert len({d.status for d in deployments}) == 7
    assert len({d.environment.tier for d in deployments}) == 5
    assert 0.0 in leads
    assert min(leads) < -86_400
    assert max(leads) > 3 * 365 * 86_400
    assert {m.author for m in requests} >= {"renovate-bot", "amara"}
    assert len({m.target_branch for m in requests}) > 3
    assert any(
        len(same) > len(set(same))
        for world in worlds
        if (same := [d.finished_at for d in world.deployments.values() if d.finished_at])
    )
    assert END in finished
    assert any((at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0) for at in finished)
    assert any(at.month != (at + timedelta(microseconds=1)).month for at in finished)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_wild_estates_meet_the_hours_when_clocks_change(zone: str) -> None:
    local = ZoneInfo(zone)
    finished = {d.finished_at for seed in range(300) for d in wild(seed).deployments.values()}
    changes = {
        at
        for at in finished
        if at is not None
        and at.astimezone(local).utcoffset()
        != (at - timedelta(microseconds=1)).astimezone(local).utcoffset()
    }
    assert changes


# Live events


def grown(seed: int, events: int) -> tuple[World, list[Deployment]]:
    now = END
    world = World(lambda: now)
    generator.generate(world, seed=1, projects=4, days=30)
    known = set(world.deployments)
    rng = Random(seed)
    for _ in range(events):
        now += timedelta(seconds=20)
        generator.live(world, rng=rng)
    return world, [d for id_, d in world.deployments.items() if id_ not in known]


def test_a_live_event_is_one_deployment_that_finishes_now() -> None:
    _, added = grown(1, 1)
    assert [d.finished_at for d in added] == [END + timedelta(seconds=20)]


def test_live_events_link_what_was_merged_just_before() -> None:
    world, added = grown(1, 120)
    assert len(added) == 120
    assert_links_are_gitlabs(world)
    production = [d for d in added if d.environment.tier == "production"]
    assert len(production) > 60
    for deployment in production:
        if deployment.status == "success":
            assert 1 <= len(deployment.merge_requests) <= 4
        for merge_request in deployment.merge_requests:
            assert merge_request.merged_at is not None
            assert merge_request.merged_at < deployment.created_at
    assert {d.status for d in added} == {"success", "failed"}


def test_links_of_a_live_event_show_half_a_minute_later() -> None:
    now = END
    world = World(lambda: now)
    generator.generate(world, seed=1, projects=1, days=30)
    known = set(world.deployments)
    rng = Random(2)
    while not any(d.merge_requests for id_, d in world.deployments.items() if id_ not in known):
        generator.live(world, rng=rng)
    deployment = world.deployments[max(world.deployments)]
    assert world.linked_merge_requests(deployment) == []
    now += timedelta(seconds=29)
    assert world.linked_merge_requests(deployment) == []
    now += timedelta(seconds=1)
    assert world.linked_merge_requests(deployment) == deployment.merge_requests


def test_live_events_avoid_archived_projects_and_stopped_environments() -> None:
    now = END
    world = World(lambda: now)
    generator.generate(world, seed=3, days=60)
    known = set(world.deployments)
    rng = Random(1)
    for _ in range(200):
        generator.live(world, rng=rng)
    added = [d for id_, d in world.deployments.items() if id_ not in known]
    assert len(added) == 200
    assert not any(d.project.archived or d.environment.state == "stopped" for d in added)


def test_a_world_without_environments_stays_as_it_is() -> None:
    world = new_world()
    generator.live(world, rng=Random(1))
    assert not world.deployments


# Large estates


def test_bulk_makes_exactly_what_was_asked_for() -> None:
    world = new_world()
    generator.bulk(world, seed=1, projects=30, deployments_per_project=20, days=90, end=END)
    assert len(world.projects) == 30
    assert len(world.deployments) == 600
    assert len(merge_requests_of(world)) == 900
    assert sum(len(d.merge_requests) for d in world.deployments.values()) == 900
    assert {d.status for d in world.deployments.values()} == {"success"}
    assert max(moments(world)) <= END
    finished = [d.finished_at for d in world.deployments.values() if d.finished_at is not None]
    assert min(finished) >= END - timedelta(days=90)
    assert_links_are_gitlabs(world)


def test_bulk_is_deterministic() -> None:
    worlds = [new_world(), new_world()]
    for world in worlds:
        generator.bulk(world, seed=9, projects=3, deployments_per_project=10, days=9, end=END)
    assert snapshot(worlds[0]) == snapshot(worlds[1])
