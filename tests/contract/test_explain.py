"""Who may read explanations, and their pages, over HTTP."""

import json

import pytest

from tests.contract.conftest import Start
from tests.contract.serving import ask
from tests.contract.world import TOKENS

QUESTION = "metric=lead_time_for_changes&start_date=2021-01-01&environment_tier=production"
REFUSED = (
    "metric=none&start_date=x",
    "metric=lead_time_for_changes&interval=never",
    "metric=lead_time_for_changes&start_date=2021-03-09",
    "metric=lead_time_for_changes&start_date=2001-03-09",
    "metric=lead_time_for_changes&environment_tier=none",
)


@pytest.mark.parametrize("prefix", ["", "/api/v4"])
@pytest.mark.parametrize("container", ["projects/1", "projects/3", "projects/5", "groups/acme"])
@pytest.mark.parametrize("caller", [None, *TOKENS])
def test_whoever_may_read_numbers_may_read_what_is_behind_them_and_nobody_else(
    exporter_with: Start, caller: str | None, container: str, prefix: str
) -> None:
    address = exporter_with({}, None)
    headers = {} if caller is None else {"PRIVATE-TOKEN": TOKENS[caller]}
    numbers, explained = (
        ask(address, f"{prefix}/{container}/dora/{page}?{QUESTION}", headers=headers)
        for page in ("metrics", "explain")
    )
    assert explained.status == numbers.status
    if numbers.status != 200:
        assert explained.body == numbers.body


@pytest.mark.parametrize("question", REFUSED)
def test_what_makes_no_sense_is_refused_alike(exporter_with: Start, question: str) -> None:
    headers = {"PRIVATE-TOKEN": TOKENS["reporter"]}
    numbers, explained = (
        ask(exporter_with({}, None), f"/projects/1/dora/{page}?{question}", headers=headers)
        for page in ("metrics", "explain")
    )
    assert numbers.status == 400
    assert (explained.status, explained.body) == (numbers.status, numbers.body)


@pytest.mark.parametrize("path", ["/projects/1/dora/explain?", "/dora/explain?project=1&"])
def test_links_lead_through_all_pages_without_a_token(exporter_with: Start, path: str) -> None:
    address, token = exporter_with({}, None), TOKENS["reporter"]
    parts = []
    total, target = "", f"{path}{QUESTION}&per_page=4&private_token={token}"
    for _ in range(20):
        answer = ask(address, target, headers={"PRIVATE-TOKEN": token})
        total = answer.headers["x-total"]
        parts += json.loads(answer.body)["parts"]
        links = {
            link.partition("; ")[2]: link.partition(">")[0].strip(" <")
            for link in answer.headers["link"].split(", ")
        }
        assert token not in answer.headers["link"]
        if 'rel="next"' not in links:
            break
        target = path.partition("?")[0] + links['rel="next"']
    whole = ask(address, f"{path}{QUESTION}&per_page=1000", headers={"PRIVATE-TOKEN": token})
    assert parts == json.loads(whole.body)["parts"]
    assert len(parts) == int(total) > 8
    assert whole.headers["x-per-page"] == "100"
