"""Rights that change: an old verdict holds for less than 60 seconds, then GitLab is asked."""

import random
from itertools import pairwise

import pytest
from starlette.testclient import TestClient

from exporter.api import GitLabAccess
from tests.access.answers import Said, granted
from tests.access.changes import CHANGES
from tests.access.estate import Estate, HeldClock, Target, ask

PATHS = ("acme/team/app", "inner/tool", "outer/site", "acme", "acme/team", "inner", "outer")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("bearer", [False, True], ids=["header", "bearer"])
def test_no_verdict_outlives_its_minute(
    estate: Estate, client: TestClient, clock: HeldClock, *, change: str, path: str, bearer: bool
) -> None:
    target = estate.targets[path]
    made = CHANGES[change](estate, target)
    if made is None:
        pytest.skip("this change cannot befall such a target")

    def answered() -> Said:
        return Said.by(ask(client, target, made.token, bearer=bearer))

    assert answered() == made.before
    for alter, former, due in (
        (made.lose, made.before, made.after),
        (made.regain, made.after, made.before),
    ):
        alter()
        assert answered() in (former, due)
        clock.advance(59.9)
        assert answered() in (former, due)
        clock.advance(0.1)
        assert answered() == due


@pytest.mark.parametrize("change", CHANGES)
def test_no_two_verdicts_together_outlive_their_minute(
    estate: Estate, client: TestClient, clock: HeldClock, change: str
) -> None:
    # Who the caller is was asked some time before which role they have.
    target = estate.targets["outer/site"]
    made = CHANGES[change](estate, target)
    assert made is not None
    ask(client, estate.targets["inner/tool"], made.token)
    made.lose()
    clock.advance(59.0)
    ask(client, target, made.token)
    clock.advance(1.0)
    assert Said.by(ask(client, target, made.token)) == made.after
    made.regain()


class _Life:
    """Everything that can befall one caller, in any order."""

    def __init__(self, estate: Estate, rng: random.Random) -> None:
        self._estate = estate
        self._rng = rng
        self._user, self._token = estate.user()
        self._group = estate.group()
        estate.world.add_member(self._group, self._user, 30)
        self._level = self._share = self._above = 0
        self.token = self._token.value

    def befall(self, target: Target) -> None:
        """Let one thing happen."""
        world, levels = self._estate.world, (0, 10, 15, 20, 30, 50)
        match self._rng.randrange(6):
            case 0:
                self._level = self._rng.choice(levels)
                world.add_member(target.thing, self._user, self._level)
            case 1:
                self._share = self._rng.choice(levels)
                world.share_group(target.thing, self._group, self._share)
            case 2:
                self._above = self._rng.choice(levels)
                world.add_member(world.add_group("acme"), self._user, self._above)
            case 3:
                self._token.revoked = not self._token.revoked
            case 4:
                self._user.state = "blocked" if self._user.state == "active" else "active"
            case _:
                self._token.admin = not self._token.admin

    def reads(self) -> bool:
        """Tell whether they may read the numbers as things are."""
        level = max(self._level, self._above, min(self._share, 30))
        usable = not self._token.revoked and self._user.state == "active"
        return usable and (self._token.admin or level >= 20)


def _live(estate: Estate, client: TestClient, clock: HeldClock, seed: int) -> int:
    """Let a caller ask while their rights change; return how often they were answered."""
    rng = random.Random(seed)
    target = estate.targets[rng.choice(["acme/team/app", "acme/team"])]
    life = _Life(estate, rng)
    history = [(clock.seconds, life.reads())]
    answered = 0
    for _ in range(40):
        if rng.random() < 0.4:
            life.befall(target)
            history.append((clock.seconds, life.reads()))
        clock.advance(rng.choice([0.0, 0.5, 5.0, 20.0, 59.9, 60.0]))
        # A caller may ask of something else, so that GitLab's answers are of different ages.
        asked = rng.choice([target, target, estate.targets["inner/tool"]])
        said = Said.by(ask(client, asked, life.token))
        if asked is not target or said != granted(target):
            assert said.status in {200, 401, 403, 404}
            continue
        answered += 1
        ends = [*(begins for begins, _ in history[1:]), float("inf")]
        lately = [
            reads for (_, reads), end in zip(history, ends, strict=True) if end > clock.seconds - 60
        ]
        assert any(lately), f"seed {seed}: a leak at {clock.seconds}: {history}"
    clock.advance(60)
    assert (ask(client, target, life.token).status_code == 200) == life.reads()
    assert all(earlier <= later for (earlier, _), (later, _) in pairwise(history))
    return answered


@pytest.mark.long
def test_rights_that_change_at_random_leak_nothing(
    estate: Estate, client: TestClient, clock: HeldClock
) -> None:
    assert sum(_live(estate, client, clock, seed) for seed in range(25)) > 50


@pytest.mark.long
def test_many_rights_that_change_at_random_leak_nothing(
    estate: Estate, client: TestClient, clock: HeldClock
) -> None:
    assert sum(_live(estate, client, clock, seed) for seed in range(100, 300)) > 300


def test_a_verdict_is_kept_for_its_minute(
    estate: Estate, client: TestClient, clock: HeldClock
) -> None:
    target = estate.targets["acme/team/app"]
    user, token = estate.user()
    estate.world.add_member(target.thing, user, 20)
    asked = []
    for _ in range(3):
        estate.gitlab.requests.clear()
        ask(client, target, token.value)
        ask(client, target, token.value)
        clock.advance(59.9)
        ask(client, target, token.value)
        asked.append([record.endpoint for record in estate.gitlab.requests])
        clock.advance(0.1)
    assert asked == [["GET /user", "GET /projects/:id"]] * 3


def test_a_slow_answer_does_not_lengthen_the_minute(
    estate: Estate,
    access: GitLabAccess,
    client: TestClient,
    clock: HeldClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = estate.targets["acme/team/app"]
    user, token = estate.user()
    estate.world.add_member(target.thing, user, 20)
    callers = access._callers
    identify, role = callers.identify, callers.role

    def slow_identify(*about: object) -> object:
        found = identify(*about)  # type: ignore[arg-type]
        clock.advance(20)
        return found

    def slow_role(*about: object) -> object:
        found = role(*about)  # type: ignore[arg-type]
        clock.advance(30)
        return found

    monkeypatch.setattr(callers, "identify", slow_identify)
    monkeypatch.setattr(callers, "role", slow_role)
    assert ask(client, target, token.value).status_code == 200
    monkeypatch.undo()
    token.revoked = True
    clock.advance(9.9)
    assert ask(client, target, token.value).status_code == 200
    clock.advance(0.1)
    assert ask(client, target, token.value).status_code == 401


def test_an_answer_that_took_longer_than_the_minute_is_not_kept(
    estate: Estate,
    access: GitLabAccess,
    client: TestClient,
    clock: HeldClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = estate.targets["acme/team/app"]
    user, token = estate.user()
    estate.world.add_member(target.thing, user, 20)
    role = access._callers.role

    def slow_role(*about: object) -> object:
        found = role(*about)  # type: ignore[arg-type]
        clock.advance(60)
        return found

    monkeypatch.setattr(access._callers, "role", slow_role)
    ask(client, target, token.value)
    monkeypatch.undo()
    estate.world.add_member(target.thing, user, 0)
    assert ask(client, target, token.value).status_code == 404
