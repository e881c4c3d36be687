from collections import Counter

import pytest
from starlette.testclient import TestClient

from tests.access.answers import Said
from tests.access.estate import Estate, ask
from tests.access.matrix import CALLERS, FORMS, run

_SOME = FORMS[::5]
"""Every credential, reference and route is among them."""


@pytest.mark.parametrize("caller", CALLERS)
def test_gitlab_decides_who_is_answered_what(
    estate: Estate, client: TestClient, caller: str
) -> None:
    forms = FORMS if caller in {"reporter", "guest", "stranger"} else _SOME
    cells = list(run(estate, client, caller, forms))
    wrong = [
        f"{cell.target} {cell.form}: {Said.by(cell.response)}, not {cell.due}"
        for cell in cells
        if Said.by(cell.response) != cell.due
    ]
    assert not wrong, "\n".join(wrong)
    assert len(cells) >= 2 * len(forms)


def test_every_kind_of_form_is_among_those_that_all_callers_use() -> None:
    for part in ("credential", "reference", "route"):
        used = Counter(getattr(form, part) for form in _SOME)
        assert set(used) == {getattr(form, part) for form in FORMS}


def test_what_is_not_polled_is_hidden_even_from_its_reporters(
    estate: Estate, client: TestClient
) -> None:
    user, token = estate.user()
    rival = estate.world.find_project("rival/other")
    assert rival is not None
    estate.world.add_member(rival, user, 40)
    answers = [
        client.get(
            f"/projects/{reference}/dora/metrics?metric=deployment_frequency",
            headers={"PRIVATE-TOKEN": token.value},
        )
        for reference in (rival.id, "rival%2Fother")
    ]
    due = Said(404, {"message": "404 Project Not Found"})
    assert [Said.by(answer) for answer in answers] == [due, due]


def test_a_hidden_project_is_answered_as_one_that_does_not_exist(
    estate: Estate, client: TestClient
) -> None:
    _, token = estate.user()
    target = estate.targets["acme/team/app"]
    headers = {"PRIVATE-TOKEN": token.value}
    path = "/projects/{}/dora/metrics?metric=deployment_frequency&interval=never"
    hidden = client.get(path.format(target.id), headers=headers)
    unknown = client.get(path.format(999_999), headers=headers)
    assert hidden.status_code == 404
    assert (hidden.content, hidden.headers) == (unknown.content, unknown.headers)


@pytest.mark.parametrize("token", ["Secret-nobody-has-this", None])
@pytest.mark.parametrize("query", ["metric=deployment_frequency", "metric=x&start_date=y", ""])
def test_nobody_learns_what_exists(
    estate: Estate, client: TestClient, token: str | None, query: str
) -> None:
    headers = {"PRIVATE-TOKEN": token} if token else {}
    known = estate.targets["acme/team/app"]
    references = (known.id, "acme%2Fteam%2Fapp", 999_999, "no%2Fsuch", "%00", "-1")
    answers = [
        client.get(f"/api/v4/projects/{reference}/dora/metrics?{query}", headers=headers)
        for reference in references
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({(answer.content, str(answer.headers)) for answer in answers}) == 1


def test_an_etag_that_is_known_shows_nothing_without_a_role(
    estate: Estate, client: TestClient
) -> None:
    target = estate.targets["acme/team/app"]
    user, token = estate.user()
    estate.world.add_member(target.thing, user, 20)
    etag = ask(client, target, token.value).headers["etag"]
    _, other = estate.user()
    path = f"/projects/{target.id}/dora/metrics?metric=deployment_frequency"
    for wanted in (etag, "*"):
        headers = {"PRIVATE-TOKEN": other.value, "If-None-Match": wanted}
        assert client.get(path, headers=headers).status_code == 404


def test_head_is_decided_as_get_is(estate: Estate, client: TestClient) -> None:
    target = estate.targets["acme/team/app"]
    _, token = estate.user()
    path = f"/projects/{target.id}/dora/metrics?metric=deployment_frequency"
    headers = {"PRIVATE-TOKEN": token.value}
    refused = client.head(path, headers=headers)
    assert (refused.status_code, refused.content) == (404, b"")
    other, allowed = estate.user()
    estate.world.add_member(target.thing, other, 20)
    assert client.head(path, headers={"PRIVATE-TOKEN": allowed.value}).status_code == 200
