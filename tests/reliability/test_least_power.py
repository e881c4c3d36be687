"""The exporter needs no more than it says: a Reporter's right to read, its store, and GitLab."""

import tempfile
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest
import requests
from sqlalchemy import make_url

from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from tests.clock import FakeClock
from tests.crash.real_exporter import write_config
from tests.poller.driven_exporter import DrivenExporter, Samples, settings_for
from tests.poller.estate import add_app, deploy
from tests.postgres import Server, postgres
from tests.reliability.traced import Trace, traced
from tests.waiting import wait_until

__all__ = ["postgres"]

NAMES_OF_USERS = "/var/run/nscd/socket"
"""Where the C library asks for the name of the user that PostgreSQL's driver runs as."""

REPORTER = "token-of-a-reporter"


def estate(world: World) -> None:
    """Fill a world with private projects, of which a Reporter of the group may read all."""
    for path in ("acme/app", "acme/sub/api"):
        environment = add_app(world, path)
        for number in range(5):
            deploy(world, environment, 600, 7000, ago=3600 * (number + 1))
    user = world.add_user("reporter")
    world.add_member(world.add_group("acme"), user, 20)
    world.add_token(REPORTER, user=user, scopes=["read_api"])


def life(exporter: DrivenExporter, world: World, clock: FakeClock) -> list[Samples]:
    """Poll through all that may happen; return what is shown each time."""
    shown = []
    app = world.find_project("acme/app")
    assert app is not None
    (environment,) = app.environments.values()

    def nothing() -> None:
        """Only time passes."""

    for happen in (
        nothing,
        lambda: deploy(world, environment, 600),
        lambda: world.rename_environment(environment, "live"),
        lambda: world.move_project(app, "acme/sub/app"),
        lambda: deploy(world, world.add_environment(app, "staging"), 600),
        lambda: world.delete_environment(environment),
        nothing,
    ):
        happen()
        for minutes in (6, 61):
            clock.advance(minutes=minutes)
            assert exporter.poll()
            shown.append(exporter.numbers())
    return shown


@pytest.mark.long
@pytest.mark.parametrize("graphql", [True, False], ids=["GraphQL", "REST"])
def test_read_api_and_the_role_reporter_are_enough_for_everything(
    tmp_path: Path,
    graphql: bool,
) -> None:
    told = {}
    for token in (DEFAULT_TOKEN, REPORTER):
        clock = FakeClock()
        world = World(clock)
        world.features.graphql = graphql
        estate(world)
        with SimulatedGitLab(world) as gitlab:
            database = tmp_path / f"{token}.db"
            gitlab_section: dict[str, Any] = {"token": token}
            exporter = DrivenExporter(
                settings_for(gitlab.url, database, {"gitlab": gitlab_section}), clock, database
            )
            try:
                told[token] = life(exporter, world, clock)
                assert exporter.service.status.view().failing == {}
            finally:
                exporter.close()
            asked = {(record.endpoint, record.status) for record in gitlab.requests}
            # Where there is no GraphQL, that is found out by asking.
            refused = {one for one in asked if one[1] >= 400}
            assert refused == (set() if graphql else {("POST /api/graphql", 404)})
            assert {endpoint.partition(" ")[0] for endpoint, _ in asked} <= {"GET", "POST"}
            assert {one for one, _ in asked if one.startswith("POST")} == {"POST /api/graphql"}
    assert told[REPORTER] == told[DEFAULT_TOKEN]
    assert len({len(one) for one in told[REPORTER]}) > 1


def use(url: str) -> None:
    """Ask for every page, in every way."""
    for path in ("/", "/metrics", "/-/ready", "/openapi.json", "/webhook"):
        requests.get(url + path, timeout=30)
    for path in ("dora/metrics", "dora/explain"):
        requests.get(
            f"{url}/groups/acme/{path}?metric=lead_time_for_changes",
            headers={"PRIVATE-TOKEN": REPORTER},
            timeout=30,
        )
    event = {"object_kind": "deployment", "status": "success", "project": {"id": 1}}
    requests.post(
        f"{url}/webhook", json=event, headers={"X-Gitlab-Token": "secret-of-the-hook"}, timeout=30
    )


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_it_writes_only_in_its_store_and_connects_only_to_gitlab(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    folder, store, trace = tmp_path / "configuration", tmp_path / "store", tmp_path / "trace"
    folder.mkdir()
    store.mkdir()
    url, database = f"sqlite:///{store / 'dora.db'}", set()
    if kind == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        url = server.create_database()
        database = {f"{make_url(url).query['host']}/.s.PGSQL.5432"}
    world = World()
    estate(world)
    with SimulatedGitLab(world) as gitlab:
        write_config(
            folder,
            gitlab.url,
            gitlab={"token": REPORTER},
            poll={"interval": "1s", "freshness": "1s"},
            store={"url": url},
            api={"auth": "gitlab"},
            webhook={"secret": "secret-of-the-hook", "spacing": "1s"},
        )
        with traced(folder, trace) as exporter:
            served = exporter.url()
            exporter.wait_until_ready(served)
            asked = len(gitlab.requests)
            use(served)  # of which GitLab is asked who the caller is
            wait_until(lambda: len(gitlab.requests) > asked + 3)
            assert exporter.end(SIGTERM, 30) == 0
        seen = Trace.read(trace, folder)
    temporary = Path(tempfile.gettempdir()).resolve()
    elsewhere = {
        path
        for path in seen.written()
        if not path.is_relative_to(store)
        and path != Path("/dev/null")
        and (path.is_relative_to(tmp_path) or not path.is_relative_to(temporary))
    }
    assert elsewhere == set()
    if kind == "sqlite":
        assert store / "dora.db" in seen.written()
    # The two processes of an exporter talk with each other over the loopback interface.
    gitlab_address = gitlab.url.removeprefix("http://")
    assert served.removeprefix("http://") in seen.own()
    others = seen.connected() - seen.own() - {NAMES_OF_USERS}
    assert others == {gitlab_address} | database
