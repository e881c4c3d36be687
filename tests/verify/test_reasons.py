"""Each known reason for a difference, provoked and named; what nobody knows is unexplained."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from exporter.instant import from_datetime
from exporter.verify import Reason
from tests.poller.estate import HOUR, add_app, deploy
from tests.verify.licensed import FREQUENCY, GITLABS, LEAD_TIME, Licensed

DAY = 24 * HOUR


@pytest.mark.parametrize("payload", ["key_value", "both", "date_value"])
def test_the_same_arithmetic_gives_the_same_numbers(both: Licensed, payload: str) -> None:
    both.world.features.dora_payload = payload
    app, live = add_app(both.world), add_app(both.world, environment="live")
    for days in (2, 2.2, 5, 9):
        deploy(both.world, app, HOUR, 5 * HOUR, ago=days * DAY)
        deploy(both.world, live, 2 * HOUR, ago=days * DAY)
    both.poll(GITLABS)
    found = both.compare()
    assert found.differences == []
    assert found.numbers == 2 * 30
    assert both.compare(days=1).numbers == 2


def test_a_range_longer_than_gitlab_takes(both: Licensed) -> None:
    app = add_app(both.world)
    deploy(both.world, app, HOUR, ago=20 * DAY)
    both.poll({**GITLABS, "poll": {"history": "300d"}})
    found = both.compare(days=200)
    assert (found.numbers, found.differences) == (400, [])


def test_medians_of_days_and_environments(both: Licensed) -> None:
    app, live = add_app(both.world), add_app(both.world, environment="live")
    deploy(both.world, app, HOUR, 3 * HOUR, 5 * HOUR, ago=2 * DAY)
    deploy(both.world, live, 10 * HOUR, ago=2 * DAY)
    both.poll({})
    (one,) = both.differences()
    assert (one.metric, one.gitlab, one.ours) == (LEAD_TIME, 6.5 * HOUR, 4 * HOUR)
    assert one.reasons == [Reason.AGGREGATION]


def test_first_deployments(both: Licensed) -> None:
    add_app(both.world)
    fresh = both.world.add_environment(
        add_app(both.world, "acme/other").project, "live", created_at=both.clock.ago(days=5)
    )
    deploy(both.world, fresh, 90 * DAY, HOUR, ago=4 * DAY)
    both.poll({})
    assert both.reasons() == {(LEAD_TIME, "2026-02-26"): [Reason.FIRST_DEPLOYMENT]}


def add_change(both: Licensed, **options: Any) -> None:
    """Deploy two merge requests, of which one is unlike the other."""
    app = add_app(both.world)
    finished_at = both.clock.ago(days=3)
    linked = [
        both.world.add_merge_request(app.project, merged_at=finished_at - timedelta(hours=1)),
        both.world.add_merge_request(
            app.project, merged_at=finished_at - timedelta(hours=9), **options
        ),
    ]
    deploy(both.world, app, finished_at=finished_at, merge_requests=linked)


def test_authors(both: Licensed) -> None:
    add_change(both, author="renovate-bot")
    both.poll({"lead_time": {"exclude_authors": ["renovate-bot"]}})
    assert both.reasons() == {(LEAD_TIME, "2026-02-27"): [Reason.EXCLUDE_AUTHORS]}


def test_branches(both: Licensed) -> None:
    add_change(both, target_branch="release")
    both.poll({"lead_time": {"target_branches": ["main"]}})
    assert both.reasons() == {(LEAD_TIME, "2026-02-27"): [Reason.TARGET_BRANCHES]}


def test_merge_requests_that_gitlab_does_not_link(both: Licensed) -> None:
    app = add_app(both.world)
    one = deploy(both.world, app, ago=3 * DAY)
    both.poll(GITLABS)
    both.corrupt(
        "INSERT INTO merge_requests VALUES (?, 1, ?, 'main', 'ada')",
        app.project.id,
        from_datetime(both.clock.ago(days=3, hours=2)),
    )
    both.corrupt(
        "INSERT INTO deployment_merge_requests (deployment_id, iid, method) VALUES (?, 1, 1)",
        one.id,
    )
    assert both.reasons() == {(LEAD_TIME, "2026-02-27"): [Reason.MISSING_LINKS]}


def test_days_of_another_zone(both: Licensed) -> None:
    app = add_app(both.world)
    evening = datetime(2026, 2, 20, 20, tzinfo=UTC)
    deploy(both.world, app, HOUR, finished_at=evening)
    both.poll({"timezone": "Asia/Tokyo"})
    assert both.reasons() == {
        (metric, day): [Reason.TIMEZONE]
        for metric in (FREQUENCY, LEAD_TIME)
        for day in ("2026-02-20", "2026-02-21")
    }


def test_overridden_tiers(both: Licensed) -> None:
    deploy(both.world, add_app(both.world, environment="web"), HOUR, ago=3 * DAY)
    both.poll({"environments": {"tier_overrides": [{"match": "^web$", "tier": "production"}]}})
    found = both.differences()
    assert {(one.tier, one.metric) for one in found} == {
        (tier, metric) for tier in ("other", "production") for metric in (FREQUENCY, LEAD_TIME)
    }
    assert all(one.reasons == [Reason.TIER_OVERRIDES] for one in found)


def test_deployments_before_the_merge(both: Licensed) -> None:
    both.world.features.dora_negative = True
    deploy(both.world, add_app(both.world), 3 * HOUR, -1 * HOUR, ago=3 * DAY)
    both.poll(GITLABS)
    assert both.reasons() == {(LEAD_TIME, "2026-02-27"): [Reason.NEGATIVE_LEAD_TIME]}


def test_links_that_are_yet_to_be_read(both: Licensed) -> None:
    both.world.features.dora_lag_seconds = 0
    deploy(both.world, add_app(both.world), HOUR, ago=120)
    both.poll(GITLABS)
    assert both.reasons() == {(LEAD_TIME, "2026-03-02"): [Reason.LINKS_NOT_READ]}


def test_estimated_finishes(both: Licensed) -> None:
    both.world.features.graphql = False
    app = add_app(both.world)
    finished_at = datetime(2026, 2, 20, 23, tzinfo=UTC)
    moved = deploy(both.world, app, HOUR, finished_at=finished_at, deployable=False)
    both.world.touch_deployment(moved, at=finished_at + timedelta(hours=3))
    same = deploy(both.world, app, HOUR, ago=3 * DAY, deployable=False)
    both.world.touch_deployment(same, at=(same.finished_at or finished_at) + timedelta(hours=2))
    both.poll(GITLABS)
    assert both.reasons() == {
        (FREQUENCY, "2026-02-20"): [Reason.FINISH_ESTIMATED],
        (FREQUENCY, "2026-02-21"): [Reason.FINISH_ESTIMATED],
        (LEAD_TIME, "2026-02-21"): [Reason.FINISH_ESTIMATED],
        (LEAD_TIME, "2026-02-20"): [Reason.FINISH_ESTIMATED],
        (LEAD_TIME, "2026-02-27"): [Reason.FINISH_ESTIMATED],
    }


def test_what_gitlab_has_deleted(both: Licensed) -> None:
    deploy(both.world, add_app(both.world), HOUR, ago=8 * DAY)
    gone = add_app(both.world, environment="live")
    deploy(both.world, gone, HOUR, ago=3 * DAY)
    both.poll(GITLABS, lambda: both.world.delete_environment(gone))
    assert both.reasons() == {
        (metric, "2026-02-27"): [Reason.DELETED_IN_GITLAB] for metric in (FREQUENCY, LEAD_TIME)
    }


def test_gitlabs_own_lag(both: Licensed) -> None:
    app = add_app(both.world)
    both.world.features.dora_lag_seconds = 900
    deploy(both.world, app, HOUR, ago=2 * HOUR)
    deploy(both.world, app, 7 * HOUR, ago=600)
    both.poll(GITLABS)
    assert both.reasons() == {
        (metric, "2026-03-02"): [Reason.GITLAB_IS_LATE] for metric in (FREQUENCY, LEAD_TIME)
    }


def test_deployments_from_before_gitlab_computed_them(both: Licensed) -> None:
    app = add_app(both.world)
    both.world.features.dora_since = datetime(2026, 2, 20, 12, tzinfo=UTC)
    for day, hour in ((10, 9), (20, 9), (20, 15), (25, 9)):
        finished_at = datetime(2026, 2, day, hour, tzinfo=UTC)
        deploy(both.world, app, hour * HOUR, finished_at=finished_at)
    both.poll(GITLABS)
    assert both.reasons() == {
        (metric, day): [Reason.BEFORE_GITLAB_BEGAN]
        for metric in (FREQUENCY, LEAD_TIME)
        for day in ("2026-02-10", "2026-02-20")
    }


def test_projects_that_are_not_polled(both: Licensed) -> None:
    deploy(both.world, add_app(both.world), HOUR, ago=3 * DAY)
    deploy(both.world, add_app(both.world, "acme/sandbox/try"), 9 * HOUR, ago=3 * DAY)
    both.poll({**GITLABS, "exclude": ["^acme/sandbox/"]})
    assert both.reasons() == {
        (metric, "2026-02-27"): [Reason.NOT_IN_SCOPE] for metric in (FREQUENCY, LEAD_TIME)
    }


def test_days_that_the_last_poll_did_not_see_end(both: Licensed) -> None:
    app = add_app(both.world)
    both.poll(GITLABS)
    both.world.features.dora_lag_seconds = 0
    both.clock.advance(hours=1)
    deploy(both.world, app, HOUR)
    assert both.reasons() == {
        (metric, "2026-03-02"): [Reason.DAY_NOT_OVER] for metric in (FREQUENCY, LEAD_TIME)
    }


def test_days_before_the_history(both: Licensed) -> None:
    app = add_app(both.world)
    deploy(both.world, app, HOUR, ago=20 * DAY)
    deploy(both.world, app, HOUR, ago=3 * DAY)
    both.poll({**GITLABS, "poll": {"history": "10d"}})
    assert both.reasons() == {
        (metric, "2026-02-10"): [Reason.BEFORE_HISTORY] for metric in (FREQUENCY, LEAD_TIME)
    }


def test_several_reasons_at_once(both: Licensed) -> None:
    """Each of them is needed: one alone does not give GitLab's number."""
    app, live = add_app(both.world), add_app(both.world, environment="live")
    evening = datetime(2026, 2, 20, 20, tzinfo=UTC)
    deploy(both.world, app, HOUR, 3 * HOUR, 5 * HOUR, finished_at=evening)
    deploy(both.world, live, 10 * HOUR, finished_at=evening)
    both.poll({"timezone": "Asia/Tokyo"})
    assert both.reasons()[LEAD_TIME, "2026-02-20"] == [Reason.TIMEZONE, Reason.AGGREGATION]


@pytest.mark.parametrize("hours", [1, 30], ids=["same day", "another day"])
def test_a_corrupted_finish_is_unexplained(both: Licensed, hours: int) -> None:
    app = add_app(both.world)
    _, one, _ = [deploy(both.world, app, HOUR, ago=days * DAY) for days in (3, 6, 9)]
    both.poll({"timezone": "Asia/Tokyo", "lead_time": {"exclude_authors": ["renovate-bot"]}})
    wrong = from_datetime(both.clock.ago(days=6) + timedelta(hours=hours))
    both.corrupt("UPDATE deployments SET finished_at = ? WHERE id = ?", wrong, one.id)
    found = both.compare()
    expected = {"2026-02-24"} if hours == 1 else {"2026-02-24", "2026-02-26"}
    assert found.unexplained == len(found.differences) > 0
    assert {each.day.isoformat() for each in found.differences} == expected


def test_a_lost_deployment_is_unexplained(both: Licensed) -> None:
    app = add_app(both.world)
    _, one = [deploy(both.world, app, ago=days * DAY) for days in (3, 6)]
    both.poll({})
    both.corrupt("DELETE FROM deployments WHERE id = ?", one.id)
    assert both.reasons() == {(FREQUENCY, "2026-02-24"): []}


def test_a_wrong_merge_time_is_unexplained(both: Licensed) -> None:
    deploy(both.world, add_app(both.world), HOUR, ago=3 * DAY)
    both.poll({})
    both.corrupt("UPDATE merge_requests SET merged_at = merged_at - 60000000")
    assert both.reasons() == {(LEAD_TIME, "2026-02-27"): []}
