"""@gitbeaker/rest, unchanged, reads the exporter where it would read GitLab."""

from urllib.parse import quote

import pytest

from tests.clients.conftest import Gitbeaker, read
from tests.contract.world import TOKENS

CONTAINERS = [
    ("project", 1),
    ("project", "acme/web/shop"),
    ("group", 7),
    ("group", "acme/platform"),
]
METRICS = ["deployment_frequency", "lead_time_for_changes"]
TOKEN = TOKENS["reporter"]


def target(kind: str, reference: int | str, metric: str) -> str:
    return f"/api/v4/{kind}s/{quote(str(reference), safe='')}/dora/metrics?metric={metric}"


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("kind", "reference"), CONTAINERS)
def test_reads_three_months_of_days(
    gitbeaker: Gitbeaker, date_value: str, kind: str, reference: int | str, metric: str
) -> None:
    got = gitbeaker(host=date_value, token=TOKEN, kind=kind, id=reference, metric=metric)
    direct = read(date_value, target(kind, reference, metric))
    assert got == {"answer": direct}
    assert len(direct) == 91
    assert {"date", "value"} == set(direct[0])
    assert any(one["value"] for one in direct)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("kind", "reference"), CONTAINERS)
def test_reads_the_default_payload(
    gitbeaker: Gitbeaker, key_value: str, kind: str, reference: int | str, metric: str
) -> None:
    got = gitbeaker(host=key_value, token=TOKEN, kind=kind, id=reference, metric=metric)
    direct = read(key_value, target(kind, reference, metric))
    assert got == {"answer": direct}
    assert list(direct[0]) == ["2020-12-08"]
    assert list(direct[-1]) == ["2021-03-08"]


def test_reads_the_example_of_the_reference(gitbeaker: Gitbeaker, date_value: str) -> None:
    got = gitbeaker(
        host=date_value,
        token=TOKEN,
        kind="project",
        id=1,
        metric="deployment_frequency",
        options={"startDate": "2021-03-01", "endDate": "2021-03-08"},
    )
    assert [one["value"] for one in got["answer"]] == [3, 6, 0, 0, 0, 0, 0, 4]


def test_reads_months(gitbeaker: Gitbeaker, date_value: str) -> None:
    got = gitbeaker(
        host=date_value,
        token=TOKEN,
        kind="group",
        id=7,
        metric="lead_time_for_changes",
        options={"interval": "monthly", "startDate": "2021-02-01"},
    )
    assert got["answer"] == [
        {"date": "2021-02-01", "value": 5000},
        {"date": "2021-03-01", "value": 2700},
    ]


def test_reads_one_number_over_several_tiers(gitbeaker: Gitbeaker, date_value: str) -> None:
    got = gitbeaker(
        host=date_value,
        token=TOKEN,
        kind="project",
        id=1,
        metric="deployment_frequency",
        options={"interval": "all", "environmentTiers": ["production", "staging"]},
    )
    assert got == {"answer": 25}


def test_shows_a_token_as_bearer(gitbeaker: Gitbeaker, date_value: str) -> None:
    got = gitbeaker(
        host=date_value,
        oauthToken=TOKEN,
        kind="project",
        id=1,
        metric="deployment_frequency",
        options={"interval": "all"},
    )
    assert got == {"answer": 23}


REFUSALS = [
    ("reporter", "velocity", (400, "metric does not have a valid value")),
    ("unknown", "deployment_frequency", (401, "401 Unauthorized")),
    (
        "guest",
        "deployment_frequency",
        (401, "You do not have permission to access dora metrics."),
    ),
    ("stranger", "deployment_frequency", (404, "404 Project Not Found")),
]


@pytest.mark.parametrize(("caller", "metric", "refusal"), REFUSALS)
def test_understands_refusals(
    gitbeaker: Gitbeaker, date_value: str, caller: str, metric: str, refusal: tuple[int, str]
) -> None:
    got = gitbeaker(host=date_value, token=TOKENS[caller], kind="project", id=1, metric=metric)
    assert (got["status"], got["refusal"]) == refusal
