"""The verdicts that are kept: how many, of whom, about what, and without any token."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

import pytest
from starlette.requests import Request

from exporter.api import GitLabAccess
from exporter.api.access import VERDICTS
from exporter.api.errors import RefusalError
from exporter.gitlab.callers import CallerRefusedError, Callers, Credential, Identity, Kind
from exporter.gitlab.errors import UnavailableError
from tests.access.estate import Estate, HeldClock, ask
from tests.access.matrix import CALLERS
from tests.access.reachable import reachable, texts


class Answers(Callers):
    """Says something of every caller at once, and counts the questions."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.before_answering: Callable[[], object] = bool
        self._counting = Lock()

    def identify(self, credential: Credential) -> Identity:
        self._count("who", credential.token, str(credential.bearer))
        if credential.token.startswith("bad"):
            raise CallerRefusedError(401, {})
        return Identity(len(credential.token), admin=False)

    def role(
        self, credential: Credential, identity: Identity, kind: Kind, container_id: int
    ) -> int | None:
        self._count("role", credential.token, str(credential.bearer), kind, str(container_id))
        assert identity.user_id == len(credential.token)
        if credential.token.startswith("down"):
            raise UnavailableError("no answer")
        return container_id

    def _count(self, *question: str) -> None:
        with self._counting:
            self.asked.append(question)
        self.before_answering()


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def kept(answers: Answers, clock: HeldClock) -> GitLabAccess:
    """An access over these answers."""
    return GitLabAccess(answers, clock)


def _request(token: str, *, bearer: bool = False) -> Request:
    header = ("authorization", f"Bearer {token}") if bearer else ("private-token", token)
    headers = [(name.encode(), value.encode()) for name, value in (header,)]
    return Request({"type": "http", "headers": headers, "query_string": b""})


def test_as_many_verdicts_are_kept_as_fit(kept: GitLabAccess, answers: Answers) -> None:
    for number in range(VERDICTS + 500):
        caller = kept.identify(_request(f"token-{number}"))
        kept.role(caller, "project", number)
    assert len(kept._identities._kept) == len(kept._roles._kept) == VERDICTS == 10_000
    answers.asked.clear()
    kept.identify(_request(f"token-{VERDICTS + 499}"))
    assert answers.asked == []
    kept.identify(_request("token-0"))
    assert answers.asked == [("who", "token-0", "False")]


def test_a_flood_of_bad_tokens_leaves_callers_who_keep_asking(
    kept: GitLabAccess, answers: Answers
) -> None:
    for number in range(2 * VERDICTS):
        if number % 100 == 0:
            kept.identify(_request("good"))
        with pytest.raises(RefusalError):
            kept.identify(_request(f"bad-{number}"))
    assert answers.asked.count(("who", "good", "False")) == 1


def test_verdicts_answer_for_one_container_only(kept: GitLabAccess, answers: Answers) -> None:
    caller = kept.identify(_request("token"))
    assert [kept.role(caller, "project", one) for one in (5, 50, 5, 50)] == [5, 50, 5, 50]
    assert kept.role(caller, "group", 5) == 5
    asked = [question[3:] for question in answers.asked if question[0] == "role"]
    assert asked == [("project", "5"), ("project", "50"), ("group", "5")]


def test_verdicts_answer_for_one_token_only(kept: GitLabAccess, answers: Answers) -> None:
    tokens = ["token", "tokem", "TOKEN", "token-", "oken", "tokenFalse", "tokenTrue"]
    for token in tokens * 2:
        assert kept.role(kept.identify(_request(token)), "project", 20) == 20
    assert [question[1] for question in answers.asked if question[0] == "who"] == tokens
    assert [question[1] for question in answers.asked if question[0] == "role"] == tokens


def test_header_and_bearer_are_told_apart(kept: GitLabAccess, answers: Answers) -> None:
    for bearer in (False, True, False, True):
        kept.role(kept.identify(_request("token", bearer=bearer)), "group", 20)
    assert answers.asked == [
        ("who", "token", "False"),
        ("role", "token", "False", "group", "20"),
        ("who", "token", "True"),
        ("role", "token", "True", "group", "20"),
    ]


def test_a_burst_asks_once(kept: GitLabAccess, answers: Answers) -> None:
    callers = 30
    together, released = Barrier(callers), Event()
    answers.before_answering = lambda: released.wait(10)

    def call(number: int) -> int | None:
        together.wait(10)
        if number == 0:
            released.set()
        return kept.role(kept.identify(_request("token")), "project", 30)

    with ThreadPoolExecutor(callers) as pool:
        assert list(pool.map(call, range(callers))) == [30] * callers
    assert len(answers.asked) == 2


def test_a_burst_of_a_bad_token_asks_once(kept: GitLabAccess, answers: Answers) -> None:
    together = Barrier(20)

    def call(_number: int) -> int:
        together.wait(10)
        with pytest.raises(RefusalError) as refused:
            kept.identify(_request("bad"))
        return refused.value.status

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(call, range(20))) == [401] * 20
    assert len(answers.asked) == 1


def test_no_answer_is_no_verdict(kept: GitLabAccess, answers: Answers) -> None:
    caller = kept.identify(_request("down"))
    for _ in range(3):
        with pytest.raises(RefusalError) as refused:
            kept.role(caller, "project", 30)
        assert refused.value.status == 503
    assert len([question for question in answers.asked if question[0] == "role"]) == 3


def test_the_key_of_the_hash_is_another_in_every_process(
    answers: Answers, clock: HeldClock
) -> None:
    hashes = {
        GitLabAccess(answers, clock)._hash(Credential("token"), "project", "1") for _ in range(10)
    }
    assert len(hashes) == 10
    assert all(len(one) == 32 for one in hashes)


@pytest.fixture
def tokens(estate: Estate, access: GitLabAccess) -> list[str]:
    """Tokens of every kind, each of which has asked twice in both ways."""
    used = []
    target = estate.targets["acme/team/app"]
    with estate.client(access) as client:
        for make in CALLERS.values():
            made = make(estate, target)
            if made is None or made[0] is None:
                continue
            used.append(made[0])
            for bearer in (False, True, False, True):
                ask(client, target, made[0], bearer=bearer)
    return used


def test_no_token_is_kept_in_memory(access: GitLabAccess, tokens: list[str]) -> None:
    assert len(tokens) > 15
    assert len(access._identities._kept) > 20, "there are verdicts to look through"
    found = list(texts(access))
    assert not [text for text in found for token in tokens if token in text]
    assert not [one for one in reachable(access) if isinstance(one, Credential)]
    assert not [token for token in tokens if token in repr(access)]


def test_what_is_reachable_is_searched_for_real(access: GitLabAccess, tokens: list[str]) -> None:
    access._identities._kept[b"key"] = tokens[0]  # type: ignore[assignment]
    assert tokens[0] in set(texts(access))
