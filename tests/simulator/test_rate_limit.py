from exporter.simulator import SimulatedGitLab, World
from tests.simulator.conftest import Caller, Clock


def test_no_limit_sends_no_headers(caller: Caller) -> None:
    assert not [name for name in caller.get("/user").headers if name.startswith("ratelimit")]


def test_headers_count_down_to_a_refusal(caller: Caller, world: World, clock: Clock) -> None:
    world.features.rate_limit_per_minute = 2
    clock.advance(seconds=15)
    first, second, third = (caller.get("/user") for _ in range(3))
    assert [r.headers["RateLimit-Remaining"] for r in (first, second, third)] == ["1", "0", "0"]
    assert (first.status_code, second.status_code, third.status_code) == (200, 200, 429)
    reset = int(first.headers["RateLimit-Reset"])
    assert reset - clock.now.timestamp() == 45
    assert first.headers["RateLimit-Limit"] == "2"
    assert third.headers["RateLimit-Observed"] == "3"
    assert third.headers["Retry-After"] == "45"
    assert third.text == "Retry later\n"


def test_next_minute_starts_afresh(caller: Caller, world: World, clock: Clock) -> None:
    world.features.rate_limit_per_minute = 1
    assert [caller.get("/user").status_code for _ in range(2)] == [200, 429]
    clock.advance(minutes=1)
    assert caller.get("/user").status_code == 200


def test_each_token_has_its_own_count(caller: Caller, world: World) -> None:
    world.features.rate_limit_per_minute = 1
    world.add_token("second")
    assert caller.get("/user").status_code == 200
    assert caller.using("second").get("/user").status_code == 200
    assert caller.get("/user").status_code == 429


def test_refusals_are_noted(gitlab: SimulatedGitLab, caller: Caller) -> None:
    gitlab.world.features.rate_limit_per_minute = 1
    caller.get("/user")
    caller.post({"query": "{ currentUser { id } }"})
    assert [(r.endpoint, r.status) for r in gitlab.requests] == [
        ("GET /user", 200),
        ("POST /api/graphql", 429),
    ]
