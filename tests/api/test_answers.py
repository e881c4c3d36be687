"""The numbers of the JSON API and the forms they come in."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.filling import Filling, filled, opened, settings_with, utc

DAYS = "start_date=2021-03-01&end_date=2021-03-04"
HOUR = 3600


def ask(client: TestClient, metric: str, query: str, path: str = "/projects/1") -> Any:
    """Ask for a metric and return the JSON of the answer, which must be a good one."""
    answer = client.get(f"{path}/dora/metrics?metric={metric}&{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_daily_names_every_day_of_the_range_oldest_first(client: TestClient) -> None:
    """Both ends are included, no day is left out; the staging deployment is another tier's."""
    assert ask(client, "deployment_frequency", DAYS) == [
        {"2021-03-01": 2},
        {"2021-03-02": 0},
        {"2021-03-03": 1},
        {"2021-03-04": 0},
    ]


def test_lead_time_is_the_median_in_seconds_and_null_where_nothing_was_deployed(
    client: TestClient,
) -> None:
    """The deployment of the third came before its merge: 0 seconds, not less."""
    assert ask(client, "lead_time_for_changes", DAYS) == [
        {"2021-03-01": 2 * HOUR},
        {"2021-03-02": None},
        {"2021-03-03": 0},
        {"2021-03-04": None},
    ]


def test_a_group_takes_the_median_over_all_its_merge_requests(client: TestClient) -> None:
    """1, 3 and 7 hours; the subgroup holds the first two alone."""
    day = "start_date=2021-03-01&end_date=2021-03-01"
    assert ask(client, "lead_time_for_changes", day, "/groups/5") == [{"2021-03-01": 3 * HOUR}]
    assert ask(client, "lead_time_for_changes", day, "/groups/6") == [{"2021-03-01": 2 * HOUR}]
    assert ask(client, "deployment_frequency", day, "/groups/5") == [{"2021-03-01": 3}]


def test_all_is_one_bare_number(client: TestClient) -> None:
    whole = f"{DAYS}&interval=all"
    assert ask(client, "deployment_frequency", whole) == 3
    assert ask(client, "lead_time_for_changes", whole) == HOUR
    nothing = "start_date=2021-03-10&end_date=2021-03-20&interval=all"
    assert ask(client, "deployment_frequency", nothing) == 0
    assert ask(client, "lead_time_for_changes", nothing) is None


def test_monthly_counts_only_the_days_of_the_range(client: TestClient) -> None:
    """Months at the ends are partial, and named after their first day all the same."""
    partial = "start_date=2021-02-20&end_date=2021-03-02&interval=monthly"
    assert ask(client, "deployment_frequency", partial) == [{"2021-02-01": 0}, {"2021-03-01": 2}]
    later = "start_date=2021-03-02&end_date=2021-04-30&interval=monthly"
    assert ask(client, "deployment_frequency", later) == [{"2021-03-01": 1}, {"2021-04-01": 0}]


def test_a_range_of_one_day_is_allowed(client: TestClient) -> None:
    day = "start_date=2021-03-03&end_date=2021-03-03"
    assert ask(client, "deployment_frequency", day) == [{"2021-03-03": 1}]


@pytest.mark.parametrize(
    ("tiers", "number"),
    [
        ("environment_tier=production", 3),
        ("environment_tier=staging", 1),
        ("environment_tier=other", 0),
        ("environment_tiers[]=staging", 1),
        ("environment_tiers[]=staging&environment_tiers[]=production", 4),
        ("environment_tiers[]=staging&environment_tiers[]=staging", 1),
        ("environment_tiers[]=staging&environment_tier=production", 1),
        ("environment_tiers%5B%5D=staging", 1),
    ],
)
def test_tiers_can_be_chosen(client: TestClient, tiers: str, number: int) -> None:
    """The list of later versions wins over the single one."""
    assert ask(client, "deployment_frequency", f"{DAYS}&interval=all&{tiers}") == number


def test_an_override_changes_the_tier_of_what_was_deployed_before(facts: Filling) -> None:
    settings = settings_with(
        environments={"tier_overrides": [{"match": "^stage$", "tier": "production"}]}
    )
    with opened(facts.store, facts.clock, settings) as client:
        assert ask(client, "deployment_frequency", f"{DAYS}&interval=all") == 4


@pytest.mark.parametrize("configured", ["key_value", "date_value"])
def test_the_form_of_the_answer_is_configured_or_asked_for(facts: Filling, configured: str) -> None:
    forms = {
        "key_value": [{"2021-03-03": 1}],
        "date_value": [{"date": "2021-03-03", "value": 1}],
    }
    day = "start_date=2021-03-03&end_date=2021-03-03"
    settings = settings_with(api={"auth": "none", "payload": configured})
    with opened(facts.store, facts.clock, settings) as client:
        assert ask(client, "deployment_frequency", day) == forms[configured]
        for asked, expected in forms.items():
            given = ask(client, "deployment_frequency", f"{day}&payload={asked}")
            assert given == expected
            whole = ask(client, "deployment_frequency", f"{day}&payload={asked}&interval=all")
            assert whole == 1


def test_before_the_stored_history_both_metrics_are_null(tmp_path: Path) -> None:
    """Never a false 0: also where a deployment from back then happens to be known."""
    with filled(tmp_path, utc("2021-03-31T10:00")) as facts:
        facts.scope({1: "acme/app"}, {})
        environment = facts.environment(1, covered_since=utc("2021-03-03"), complete=False)
        for at in ("2021-03-02T12:00", "2021-03-04T12:00"):
            facts.deploy(environment, utc(at), [utc("2021-03-02T10:00")])
        facts.poll()
        with opened(facts.store, facts.clock) as client:
            frequency = ask(client, "deployment_frequency", DAYS)
            lead_time = ask(client, "lead_time_for_changes", DAYS)
            months = "start_date=2021-02-01&end_date=2021-04-30&interval=monthly"
            monthly = ask(client, "deployment_frequency", months)
            all_of_it = ask(client, "deployment_frequency", f"{DAYS}&interval=all")
            covered = "start_date=2021-03-03&end_date=2021-03-04&interval=all"
            known = ask(client, "deployment_frequency", covered)
    assert [next(iter(one.values())) for one in frequency] == [None, None, 0, 1]
    assert [next(iter(one.values())) for one in lead_time] == [None, None, None, 50 * HOUR]
    assert monthly == [{"2021-02-01": None}, {"2021-03-01": None}, {"2021-04-01": 0}]
    assert all_of_it is None
    assert known == 1


def test_a_group_knows_only_what_all_its_projects_know(tmp_path: Path) -> None:
    """One project's history was cut off on the third; a younger project cuts nothing."""
    with filled(tmp_path, utc("2021-03-31T10:00")) as facts:
        facts.scope({1: "acme/old", 2: "acme/young", 3: "acme/unread"}, {5: "acme"})
        facts.environment(1, covered_since=utc("2021-03-03"), complete=False)
        facts.environment(2, covered_since=utc("2021-03-04"), complete=True)
        facts.poll()
        with opened(facts.store, facts.clock) as client:
            frequency = ask(client, "deployment_frequency", DAYS, "/groups/5")
            unread = ask(client, "deployment_frequency", DAYS, "/projects/3")
    assert [next(iter(one.values())) for one in frequency] == [None, None, 0, 0]
    assert [next(iter(one.values())) for one in unread] == [None] * 4


def test_days_begin_at_midnight_of_the_time_zone(facts: Filling) -> None:
    """Midnight of the third in UTC is still the second in New York."""
    with opened(facts.store, facts.clock, settings_with(timezone="America/New_York")) as client:
        frequency = ask(client, "deployment_frequency", DAYS)
    assert [next(iter(one.values())) for one in frequency] == [2, 1, 0, 0]


def test_daily_medians_is_gitlabs_own_arithmetic(facts: Filling) -> None:
    """The median of 2 hours and 7 hours, instead of that of 1, 3, 7 and 0."""
    settings = settings_with(lead_time={"aggregation": "daily_medians"})
    day = "start_date=2021-03-01&end_date=2021-03-01&interval=all"
    with opened(facts.store, facts.clock, settings) as client:
        assert ask(client, "lead_time_for_changes", day, "/groups/5") == 4.5 * HOUR
