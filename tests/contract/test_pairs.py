import gzip
import json
from collections.abc import Mapping

import pytest

from tests.contract.conftest import Start
from tests.contract.pairs import Pair, read_pairs, written
from tests.contract.serving import Answer, ask

PAIRS = read_pairs()
_SETS = {"allow", "vary"}
"""Headers whose members may come in any order."""

_REQUEST = {"request", "caller", "send", "settings", "at"}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_answers_as_gitlab_documents(exporter_with: Start, pair: Pair) -> None:
    address = exporter_with(pair.settings, pair.at)
    etag = _etag(address, pair)
    sent = {name: value.replace("<etag>", etag) for name, value in pair.sent.items()}
    answer = ask(address, pair.target, method=pair.method, headers=sent)
    assert answer.status == pair.status, answer.body
    if pair.expected is not None:
        assert _body(answer) == pair.expected
    for name, value in pair.headers.items():
        wanted = value.replace("<etag>", etag) if value else value
        assert _members(name, answer.headers.get(name.lower())) == _members(name, wanted), name


def test_the_table_has_every_name_once() -> None:
    assert len({pair.name for pair in PAIRS}) == len(PAIRS)


def test_the_table_is_long_enough() -> None:
    asked = {pair.model_dump_json(include=_REQUEST) for pair in PAIRS}
    assert len(asked) >= 100


def _etag(address: str, pair: Pair) -> str:
    if "<etag>" not in str(pair.send):
        return ""
    plain: Mapping[str, str] = {
        name: value for name, value in pair.sent.items() if "<etag>" not in value
    }
    return ask(address, pair.target, headers=plain).headers["etag"]


def _body(answer: Answer) -> str:
    body = answer.body
    if answer.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return written(json.loads(body)) if body else ""


def _members(name: str, value: str | None) -> object:
    if value is None or name.lower() not in _SETS:
        return value
    return {one.strip() for one in value.split(",")}
