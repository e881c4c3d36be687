"""What is said of wrong parameters, in which order, and what counts where none are given."""

from datetime import date
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from tests.filling import Filling, opened, settings_with, utc

PROJECT = "/projects/1/dora/metrics"
FREQUENCY = "metric=deployment_frequency"
TIERS = "The environment tier must be one of production,staging,testing,development,other."

MALFORMED = [
    ("", "metric is missing"),
    ("metric=", "metric does not have a valid value"),
    ("metric=lead_time", "metric does not have a valid value"),
    ("metric=Deployment_Frequency", "metric does not have a valid value"),
    (f"{FREQUENCY}&start_date=yesterday", "start_date is invalid"),
    (f"{FREQUENCY}&start_date=2021-02-30", "start_date is invalid"),
    (f"{FREQUENCY}&start_date=0001-01-01", "start_date is invalid"),
    (f"{FREQUENCY}&end_date=03/01/2021", "end_date is invalid"),
    (f"{FREQUENCY}&end_date=9999-12-31", "end_date is invalid"),
    (f"{FREQUENCY}&environment_tiers=staging", "environment_tiers is invalid"),
    (f"{FREQUENCY}&environment_tiers[0]=staging", "environment_tiers is invalid"),
    (f"{FREQUENCY}&environment_tiers%5Ba%5D=staging", "environment_tiers is invalid"),
    (f"{FREQUENCY}&environment_tier[]=staging", "environment_tier is invalid"),
    (f"{FREQUENCY}&interval[0]=all", "interval is invalid"),
    ("metric[]=deployment_frequency", "metric is invalid"),
    (
        f"{FREQUENCY}&environment_tiers[0]=staging&environment_tiers[1]=production",
        "environment_tiers is invalid",
    ),
    (f"{FREQUENCY}&payload[]=date_value", "payload is invalid"),
    (f"{FREQUENCY}&payload=xml", "payload does not have a valid value"),
    (
        "start_date=a&end_date=b&payload=c",
        (
            "metric is missing, start_date is invalid, end_date is invalid, "
            "payload does not have a valid value"
        ),
    ),
]

SENSELESS = [
    ("start_date=2020-03-01&end_date=2021-03-03", "Date range must be shorter than 366 days."),
    (
        "start_date=2021-03-02&end_date=2021-03-01",
        "The start date must be earlier than the end date.",
    ),
    ("start_date=2021-04-01", "The start date must be earlier than the end date."),
    ("interval=weekly", "The interval must be one of all,monthly,daily."),
    ("interval=", "The interval must be one of all,monthly,daily."),
    ("environment_tier=prod", TIERS),
    ("environment_tier=", TIERS),
    (
        "environment_tiers[]=production&environment_tiers[]=live",
        "The environment tiers must be from production, staging, testing, development, other.",
    ),
]

# Of two or three things that are wrong, which is told.
PRECEDENCE = [
    ("/projects/77/dora/metrics", "interval=weekly", 400, {"error": "metric is missing"}),
    (
        "/projects/77/dora/metrics",
        f"{FREQUENCY}&interval=weekly",
        404,
        {"message": "404 Project Not Found"},
    ),
    (
        PROJECT,
        f"{FREQUENCY}&start_date=2019-01-01&interval=weekly&environment_tier=x",
        400,
        {"message": "Date range must be shorter than 366 days."},
    ),
    (
        PROJECT,
        f"{FREQUENCY}&start_date=2021-03-02&end_date=2021-03-01&interval=weekly",
        400,
        {"message": "The start date must be earlier than the end date."},
    ),
    (
        PROJECT,
        f"{FREQUENCY}&interval=weekly&environment_tier=x",
        400,
        {"message": "The interval must be one of all,monthly,daily."},
    ),
]


def days(answer: list[dict[str, Any]]) -> list[str]:
    """The days that an answer in the form of 13.10 names."""
    return [day for element in answer for day in element]


@pytest.mark.parametrize(("query", "error"), MALFORMED)
def test_what_is_missing_or_cannot_be_read_is_named_all_at_once(
    client: TestClient, query: str, error: str
) -> None:
    answer = client.get(f"{PROJECT}?{query}")
    assert (answer.status_code, answer.json()) == (400, {"error": error})


@pytest.mark.parametrize(("query", "message"), SENSELESS)
def test_what_makes_no_sense_is_told_in_gitlabs_words(
    client: TestClient, query: str, message: str
) -> None:
    answer = client.get(f"{PROJECT}?{FREQUENCY}&{query}")
    assert (answer.status_code, answer.json()) == (400, {"message": message})


@pytest.mark.parametrize(("path", "query", "status", "body"), PRECEDENCE)
def test_the_checks_come_in_gitlabs_order(
    client: TestClient, path: str, query: str, status: int, body: dict[str, str]
) -> None:
    answer = client.get(f"{path}?{query}")
    assert (answer.status_code, answer.json()) == (status, body)


def test_the_longest_range_is_what_is_configured(facts: Filling) -> None:
    settings = settings_with(api={"auth": "none", "max_range": "92d"})
    with opened(facts.store, facts.clock, settings) as client:
        longest = f"{PROJECT}?{FREQUENCY}&start_date=2020-12-01&end_date=2021-03-03"
        assert len(client.get(longest).json()) == 93
        answer = client.get(longest.replace("2020-12-01", "2020-11-30"))
    assert answer.status_code == 400
    assert answer.json() == {"message": "Date range must be shorter than 92 days."}


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2021-03-31T10:00", "2020-12-31", "2021-03-31"),
        ("2021-05-31T10:00", "2021-02-28", "2021-05-31"),
        ("2024-05-31T10:00", "2024-02-29", "2024-05-31"),
        ("2021-12-31T23:59", "2021-09-30", "2021-12-31"),
        ("2021-01-15T00:00", "2020-10-15", "2021-01-15"),
    ],
)
def test_without_dates_the_range_is_the_last_three_months(
    facts: Filling, now: str, start: str, end: str
) -> None:
    facts.clock.present = utc(now)
    with opened(facts.store, facts.clock) as client:
        told = days(client.get(f"{PROJECT}?{FREQUENCY}").json())
    assert (told[0], told[-1]) == (start, end)
    assert len(told) == (date.fromisoformat(end) - date.fromisoformat(start)).days + 1


def test_today_is_that_of_the_time_zone(facts: Filling) -> None:
    """At noon in UTC the next day has begun in Auckland."""
    facts.clock.present = utc("2021-03-31T12:00")
    settings = settings_with(timezone="Pacific/Auckland")
    with opened(facts.store, facts.clock, settings) as client:
        told = days(client.get(f"{PROJECT}?{FREQUENCY}").json())
    assert (told[0], told[-1]) == ("2021-01-01", "2021-04-01")


@pytest.mark.parametrize("moment", ["2021-03-01T23:59:59Z", "2021-03-01 10:00", "20210301"])
def test_a_date_may_carry_a_time_which_is_dropped(client: TestClient, moment: str) -> None:
    query = f"{FREQUENCY}&start_date={quote(moment)}&end_date=2021-03-01"
    assert client.get(f"{PROJECT}?{query}").json() == [{"2021-03-01": 2}]


def test_of_a_parameter_given_twice_the_last_counts(client: TestClient) -> None:
    query = "metric=nonsense&metric=deployment_frequency&interval=daily&interval=all"
    assert client.get(f"{PROJECT}?{query}").json() == 3
