from exporter.simulator import SimulatedGitLab, World
from tests.simulator.conftest import Caller


def test_version_is_the_same_everywhere(caller: Caller) -> None:
    version = caller.get("/version").json()["version"]
    assert caller.get("/metadata").json()["version"] == version
    assert caller.ask("{ metadata { version } }") == {"metadata": {"version": version}}


def test_user_and_token_tell_about_themselves(caller: Caller, world: World) -> None:
    bot = world.add_token("bot-token")
    assert caller.using("bot-token").get("/user").json()["bot"] is True
    shown = caller.using("bot-token").get("/personal_access_tokens/self").json()
    assert (shown["user_id"], shown["active"]) == (bot.user.id, True)


def test_unknown_path_is_not_found(caller: Caller) -> None:
    response = caller.get("/nothing")
    assert (response.status_code, response.json()) == (404, {"error": "404 Not Found"})


def test_date_is_the_instances_own(gitlab: SimulatedGitLab, caller: Caller) -> None:
    assert caller.get("/version").headers["Date"] == "Mon, 02 Mar 2026 12:00:00 GMT"
    assert gitlab.requests[0].at == gitlab.world.clock()
