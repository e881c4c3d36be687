"""Lead times of people, of bots and of all, from one store."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.explain.rebuilding import explained
from tests.filling import Filling, filled, opened, settings_with, utc

NOW = utc("2021-03-31T10:00")
NOON = utc("2021-03-01T12:00")
HOUR = timedelta(hours=1)
LEAD_TIMES = "metric=lead_time_for_changes&start_date=2021-03-01&end_date=2021-03-02"
WHO = ("people", "bots", "all")
CONTAINERS = ("/projects/1", "/projects/2", "/groups/acme")


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filling]:
    """Two projects: people and a bot in one, nobody but another bot in the other."""
    with filled(tmp_path_factory.mktemp("authors"), NOW) as filling:
        filling.scope({1: "acme/app", 2: "acme/lib"}, {5: "acme"})
        app, lib = filling.environment(1), filling.environment(2)
        filling.deploy(app, NOON, [NOON - HOUR, NOON - 3 * HOUR])
        filling.deploy(app, NOON + HOUR, [NOON - 9 * HOUR], author="renovate-bot")
        filling.deploy(lib, NOON + HOUR, [NOON - 19 * HOUR], author="release-bot")
        filling.deploy(app, NOON + 24 * HOUR, [NOON + 23 * HOUR])
        filling.poll()
        yield filling


def client_of(facts: Filling, *excluded: str, **rules: str) -> Iterator[TestClient]:
    settings = settings_with(lead_time={"exclude_authors": list(excluded), **rules})
    with opened(facts.store, facts.clock, settings) as client:
        yield client


@pytest.fixture(scope="module")
def client(facts: Filling) -> Iterator[TestClient]:
    yield from client_of(facts, "renovate-bot", "release-bot", "nobody")


def hours(client: TestClient, container: str, more: str = "") -> list[float | None]:
    """Return the lead times of the two days in hours."""
    answer = client.get(f"{container}/dora/metrics?{LEAD_TIMES}&payload=date_value{more}")
    assert answer.status_code == 200
    return [None if one["value"] is None else one["value"] / 3600 for one in answer.json()]


def test_each_question_has_its_own_authors(client: TestClient) -> None:
    found = {one: [hours(client, one, f"&authors={who}") for who in WHO] for one in CONTAINERS}
    assert found == {
        "/projects/1": [[2, 1], [10, None], [3, 1]],
        "/projects/2": [[None, None], [20, None], [20, None]],
        # Of four values in the middle: 3 and 10 hours.
        "/groups/acme": [[2, 1], [15, None], [6.5, 1]],
    }
    assert all(hours(client, one) == found[one][0] for one in CONTAINERS)


def test_daily_medians_are_of_the_asked_authors_too(facts: Filling) -> None:
    for client in client_of(facts, "renovate-bot", "release-bot", aggregation="daily_medians"):
        # All: of one project's 1, 3 and 10 hours, and the other's 20.
        found = [hours(client, "/groups/acme", f"&authors={who}") for who in WHO]
        assert found == [[2, 1], [15, None], [11.5, 1]]


def test_deployments_have_no_author(client: TestClient) -> None:
    url = "/groups/acme/dora/metrics?metric=deployment_frequency&start_date=2021-03-01"
    everybody = client.get(url).json()
    assert sum(number for day in everybody for number in day.values()) == 4
    assert all(client.get(f"{url}&authors={who}").json() == everybody for who in WHO)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("who", WHO)
def test_an_explanation_makes_the_number(client: TestClient, container: str, who: str) -> None:
    def get(url: str) -> tuple[int, object]:
        answer = client.get(url)
        return answer.status_code, answer.json()

    found = explained(get, f"{container}/dora/metrics?{LEAD_TIMES}&authors={who}")
    assert [one.flaw() for one in found] == [None, None]
    parts = [part for one in found for part in one.parts]
    bots = {"renovate-bot", "release-bot"}
    counted = {part["merge_request"]["author"] for part in parts if part["counted"]}
    assert counted <= {"people": {"ada"}, "bots": bots, "all": {"ada", *bots}}[who]
    assert all(part["reason"] == "author" for part in parts if not part["counted"])
    assert client.get(f"{container}/dora/explain?{LEAD_TIMES}&authors={who}").json()["authors"] == (
        who
    )


def test_links_to_other_pages_keep_the_authors(client: TestClient) -> None:
    url = f"/groups/acme/dora/explain?{LEAD_TIMES}&per_page=1&authors=bots"
    answer = client.get(url)
    target = answer.headers["link"].partition('>; rel="next"')[0].rpartition("<")[2]
    assert client.get(f"/groups/acme/dora/explain{target}").json()["authors"] == "bots"
    assert "authors" not in client.get(url.removesuffix("&authors=bots")).headers["link"]


def test_without_excluded_authors_everybody_is_people(facts: Filling) -> None:
    for client in client_of(facts):
        everybody = hours(client, "/groups/acme", "&authors=all")
        assert everybody == hours(client, "/groups/acme") == [6.5, 1]
        assert hours(client, "/groups/acme", "&authors=bots") == [None, None]


@pytest.mark.parametrize("page", ["metrics", "explain"])
@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("authors=bot", "authors does not have a valid value"),
        ("authors=", "authors does not have a valid value"),
        ("authors=People", "authors does not have a valid value"),
        ("authors=all&authors=x", "authors does not have a valid value"),
        ("authors[]=bots", "authors is invalid"),
    ],
)
def test_other_authors_are_refused(client: TestClient, page: str, given: str, error: str) -> None:
    answer = client.get(f"/projects/1/dora/{page}?{LEAD_TIMES}&{given}")
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_what_changes_later_changes_for_all(tmp_path: Path) -> None:
    with filled(tmp_path, NOW) as filling:
        filling.scope({1: "acme/app"}, {5: "acme"})
        app = filling.environment(1)
        filling.poll()
        for number in (1, 2):
            filling.deploy(app, NOON + number * HOUR, [NOON], author="renovate-bot")
            for client in client_of(filling, "renovate-bot"):
                found = [hours(client, "/projects/1", f"&authors={who}")[0] for who in WHO]
                assert found == [None, (number + 1) / 2, (number + 1) / 2]
