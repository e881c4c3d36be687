"""One run with every switch on and everything wrong that can be: no secret is anywhere after it."""

import base64
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM
from typing import Any
from urllib.parse import quote

import bcrypt
import psycopg
import pytest
import requests
import yaml
from sqlalchemy import URL, make_url

from exporter.simulator import Fault, SimulatedGitLab, World
from tests.ports import free_port
from tests.postgres import PASSWORD, USER, Server, postgres
from tests.process import ANY_PORT, Running, run, started
from tests.reliability.leaks import joined, leaks
from tests.tools import require
from tests.waiting import wait_until

__all__ = ["postgres"]

SECRETS = {
    "token": "glpat-Own_Token-0f.The-Exporter",
    "token before": "Former/Token+Of=The%Exporter",
    "webhook": "Hook&Secret?Of/The+Events%41",
    "webhook tried": "Guessed+Hook/Secret=Of%Somebody",
    "password": 'Pass "word" of/the+scraper',
    "password tried": "Guessed: pass/word+of a stranger",
    "database": "Data@base:Pass/word%of#PostgreSQL",
    "caller": "Callers+Token/With=Signs",
    "bearer": "Bearers-Token_With.Dots~0123456789",
    "stranger": "Strangers+Token/Which=GitLab%Refuses",
    "proxy": "Proxy-Password-in-the-Environment",
}
QUERY = "metric=deployment_frequency&interval=all"


BEARER = {"Authorization": f"Bearer {SECRETS['bearer']}"}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_found_however_it_is_written(name: str) -> None:
    secret = SECRETS[name]
    for written in (
        secret,
        quote(secret, safe=""),
        base64.b64encode(f"user:{secret}".encode()).decode(),
        base64.b64encode(f"x{secret}y".encode()).decode(),
        json.dumps({"a": secret}),
        secret.encode().hex(),
    ):
        assert {one[0] for one in leaks(SECRETS, {"log": f"a {written} b".encode()})} == {name}


def estate() -> World:
    world = World()
    project = world.add_project("acme/app")
    world.add_environment(project, "production")
    for name in ("token", "token before"):
        world.add_token(SECRETS[name], admin=True)
    for name in ("caller", "bearer"):
        user = world.add_user(name)
        world.add_member(project, user, 20)
        world.add_token(SECRETS[name], user=user)
    return world


def own_database(server: Server) -> str:
    """Create a role with an odd password, and a database that it owns; return the URL."""
    role = "odd_password"
    with psycopg.connect(
        host=str(server.directory), user=USER, password=PASSWORD, dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{SECRETS['database']}'".encode())
        connection.execute(f"CREATE DATABASE {role} OWNER {role}".encode())
    query = {"host": str(server.directory)}
    url = URL.create("postgresql+psycopg", role, SECRETS["database"], database=role, query=query)
    return url.render_as_string(hide_password=False)


def write_files(folder: Path, gitlab_url: str, store_url: str, **more: Mapping[str, Any]) -> None:
    """Write a configuration with every secret in the place where it may be."""
    config = {
        "gitlab": {"url": gitlab_url, "token_file": "token", "max_requests_per_second": 1000},
        "groups": ["acme"],
        # Every poll asks: an event that comes before the scope is known has nothing asked.
        "poll": {"interval": "1s", "reconcile_interval": "1s"},
        "store": {"url": store_url},
        "webhook": {"secret": SECRETS["webhook"], "spacing": "1s"},
        "api": {"auth": "gitlab"},
    }
    for section, content in more.items():
        config[section] = {**config.get(section, {}), **content}  # type: ignore[dict-item]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "token").write_text(SECRETS["token before"])
    password = bcrypt.hashpw(SECRETS["password"].encode(), bcrypt.gensalt(4)).decode()
    (folder / "web.yml").write_text(yaml.safe_dump({"basic_auth_users": {"scraper": password}}))


@contextmanager
def exporter_in(folder: Path, **environ: str) -> Iterator[Running]:
    arguments = (
        *("run", *ANY_PORT, "--log.level", "debug", "--log.format", "json"),
        *("--config.file", "config.yaml", "--web.config.file", "web.yml"),
    )
    with started(arguments, folder=folder, environ=environ) as exporter:
        yield exporter


def told(answer: requests.Response) -> str:
    """Return all that a caller is told."""
    return f"{answer.status_code} {dict(answer.headers)} {answer.text}"


def ask(url: str) -> list[str]:
    """Ask in every way, also wrongly; return what was answered."""
    scraper = requests.auth.HTTPBasicAuth("scraper", SECRETS["password"])
    stranger = requests.auth.HTTPBasicAuth("scraper", SECRETS["password tried"])
    pages = (
        *("/", "/metrics", "/-/ready", "/-/healthy", "/openapi.json", "/nowhere"),
        *(f"/projects/1/dora/metrics?{QUERY}", f"/dora/explain?project=1&{QUERY}"),
    )
    event = {
        "object_kind": "deployment", "status": "success", "project": {"id": 1}, "deployment_id": 7,
    }  # fmt: skip
    answers = []
    for path in pages:
        for auth in (scraper, stranger, None):
            answers.append(requests.get(url + path, auth=auth, timeout=30))  # noqa: PERF401
    for name in ("caller", "stranger"):
        for way in ({"PRIVATE-TOKEN": SECRETS[name]}, {"PRIVATE-TOKEN": SECRETS[name] + "\xff"}):
            answers.append(  # noqa: PERF401
                requests.get(
                    f"{url}/projects/1/dora/metrics?{QUERY}", headers=way, auth=scraper, timeout=30
                )
            )
        path = f"{url}/projects/1/dora/metrics?{QUERY}"
        parameters = {"private_token": SECRETS[name], "metric": SECRETS[name]}
        answers.append(requests.get(path, params=parameters, auth=scraper, timeout=30))
    for name in ("webhook", "webhook tried"):
        for body in (event, {**event, "project": SECRETS[name]}, [SECRETS[name]]):
            answers.append(  # noqa: PERF401
                requests.post(
                    f"{url}/webhook",
                    json=body,
                    auth=scraper,
                    timeout=30,
                    headers={"X-Gitlab-Token": SECRETS[name]},
                )
            )
    return [told(one) for one in answers]


def troubled(gitlab: SimulatedGitLab, exporter: Running, url: str, folder: Path) -> list[str]:
    """Let GitLab refuse and fail in every way, and change the token; return all answers."""
    answers = []
    for fault in (
        *(Fault("status", status=status) for status in (401, 403, 404, 429, 500)),
        *(Fault(kind) for kind in ("reset", "truncated_json", "wrong_json")),
    ):
        gitlab.faults.add(fault)
        wait_until(lambda fault=fault: fault.met > 1)  # type: ignore[misc]
        answers += ask(url)
        gitlab.faults.clear()
    (folder / "token").write_text("no\ttoken\n" + SECRETS["token"])
    exporter.wait_for("token_file|unauthorized")
    (folder / "token").write_text(SECRETS["token"])
    wait_until(lambda: gitlab.requests[-1].token == SECRETS["token"])
    return answers + ask(url)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_run_with_all_switches_and_all_troubles_tells_no_secret(
    postgres: Server, tmp_path: Path
) -> None:
    database = own_database(postgres)
    with SimulatedGitLab(estate()) as gitlab:
        write_files(tmp_path, gitlab.url, database)
        with exporter_in(tmp_path) as exporter:
            url = exporter.url()
            wait_until(lambda: requests.get(f"{url}/-/healthy", timeout=30).status_code != 502)
            answers = ask(url) + troubled(gitlab, exporter, url, tmp_path)
            environ = Path(f"/proc/{exporter.process.pid}/cmdline").read_bytes()
            exporter.end(SIGTERM, 20)
        used = {record.token for record in gitlab.requests}
    parts = make_url(database)
    dump = subprocess.run(
        [require("pg_dump"), "--host", str(postgres.directory), "--username", parts.username or ""],
        env={
            "PGPASSWORD": SECRETS["database"],
            "PGDATABASE": parts.database or "",
            "PATH": "/usr/bin",
        },
        capture_output=True,
        check=True,
    )
    assert {SECRETS[one] for one in ("token", "token before", "caller")} <= used
    assert {answer[:3] for answer in answers} >= {"200", "202", "400", "401", "404"}
    places = {
        "stdout": joined(exporter.output),
        "log": joined(exporter.errors),
        "answers": joined(answers),
        "command line": environ,
        "database": dump.stdout,
    }
    assert b"acme/app" in places["database"]
    kinds = set(re.findall(rb'"kind": "([a-z_]+)"', places["log"]))
    assert kinds >= {b"unauthorized", b"forbidden", b"not_found", b"unavailable", b"bad_answer"}
    assert leaks(SECRETS, places) == []


@pytest.mark.long
def test_failing_tls_and_proxies_tell_no_secret(tmp_path: Path) -> None:
    with SimulatedGitLab(estate()) as gitlab:
        write_files(
            tmp_path, gitlab.url.replace("http:", "https:"), f"sqlite:///{tmp_path / 'dora.db'}"
        )
        proxy = f"http://somebody:{SECRETS['proxy']}@127.0.0.1:{free_port()}"
        logs = b""
        for environ in ({}, {"HTTPS_PROXY": proxy, "NO_PROXY": ""}):
            with exporter_in(tmp_path, **environ) as exporter:
                url = exporter.url()
                answers = [told(requests.get(url, headers=BEARER, timeout=30)), *ask(url)]
                exporter.wait_for("poll failed")
                exporter.end(SIGTERM, 20)
            logs += joined(exporter.output + exporter.errors + answers)
    stored = {
        one.name: one.read_bytes()
        for one in tmp_path.iterdir()
        if one.name not in {"config.yaml", "token", "web.yml"}
    }
    assert "dora.db" in stored
    assert b"TLS" in logs
    assert leaks(SECRETS, {"log": logs, **stored}) == []


WRONG: dict[str, dict[str, Any]] = {
    "token in the URL": {
        "gitlab": {"url": f"https://oauth2:{SECRETS['token']}@gitlab.example.com"}
    },
    "token as a parameter": {
        "gitlab": {"url": f"https://a.example/?private_token={SECRETS['token']}"}
    },
    "token beside its file": {"gitlab": {"token": SECRETS["token"]}},
    "token in a wrong place": {"poll": {"interval": SECRETS["token"]}},
    "token as a key": {"gitlab": {SECRETS["token"]: 1}},
    "database": {"store": {"url": "mysql://u:" + SECRETS["webhook tried"] + "@h/d"}},
    "no server": {
        "store": {"url": f"postgresql+psycopg://u:{SECRETS['bearer']}@127.0.0.1:1/d"},
    },
    "no driver": {"store": {"url": f"postgresql+nothing://u:{SECRETS['bearer']}@127.0.0.1:1/d"}},
}


@pytest.mark.long
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_configuration_is_refused_without_its_secrets(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    write_files(tmp_path, "http://127.0.0.1:9", f"sqlite:///{tmp_path / 'dora.db'}", **wrong)
    arguments = ("--config.file", "config.yaml", "--web.config.file", "web.yml")
    checked = run("check-config", *arguments, folder=tmp_path)
    done = run("run", *arguments, *ANY_PORT, "--log.level", "debug", folder=tmp_path)
    assert done.returncode == 1
    said = joined([checked.stdout, checked.stderr, done.stdout, done.stderr])
    assert b"Traceback" not in said
    assert leaks(SECRETS, {"said": said}) == []


@pytest.mark.long
@pytest.mark.parametrize("where", ["begin", "thread"])
def test_a_crash_tells_no_secret(tmp_path: Path, where: str) -> None:
    """Python's own traceback would show what the error quotes."""
    (tmp_path / "sitecustomize.py").write_text(
        "import exporter.service as service, threading, time\n"
        "def crash(self):\n"
        "    raise RuntimeError(self._token() + ' ' + self.settings.webhook.secret)\n"
        "def crash_beside(self):\n"
        "    threading.Thread(target=crash, args=(self,)).start()\n"
        f"service.Service.start = {'crash' if where == 'begin' else 'crash_beside'}\n"
    )
    write_files(tmp_path, "http://127.0.0.1:9", f"sqlite:///{tmp_path / 'dora.db'}")
    with exporter_in(tmp_path, PYTHONPATH=f"{tmp_path}:{Path.cwd()}") as exporter:
        exporter.wait_for("RuntimeError")
        code = exporter.process.wait(30) if where == "begin" else exporter.end(SIGTERM, 20)
    said = joined(exporter.output + exporter.errors)
    assert code == (1 if where == "begin" else 0)
    assert b"unexpected error" in said
    assert leaks(SECRETS, {"said": said}) == []
