"""Tokens go to GitLab and nowhere else."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from exporter import cli
from exporter.logs import configure
from exporter.service import Service
from exporter.simulator import DEFAULT_TOKEN, Fault
from exporter.simulator.access import token_value
from tests.access.estate import Estate, polled_estate
from tests.access.matrix import CALLERS, FORMS, Asked, run
from tests.access.test_tokens import ODD


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """All that is logged, as it would be on stderr at the finest level."""
    root = logging.getLogger()
    former = root.level, list(root.handlers)
    stream = io.StringIO()
    configure("debug", "logfmt", (), stream=stream)
    yield stream
    root.setLevel(former[0])
    for handler in list(root.handlers):
        if handler not in former[1]:
            root.removeHandler(handler)


def _everybody(estate: Estate, client: TestClient) -> list[Asked]:
    return [asked for caller in CALLERS for asked in run(estate, client, caller, FORMS[::7])]


@pytest.mark.long
def test_a_token_is_in_no_line_answer_metric_or_file(
    tmp_path: Path, lines: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, logger="httpx2")  # the caller's own log
    with polled_estate(tmp_path) as estate, TestClient(estate.service.app()) as client:
        cells = _everybody(estate, client)
        for kind in ("reset", "truncated_json"):
            estate.gitlab.faults.add(Fault(kind, times=1))
            cells += run(estate, client, "reporter", FORMS[:1])
        for token in ODD.values():
            client.get("/projects/1/dora/metrics", params={"private_token": token[:60_000]})
        assert estate.service.poll()
        metrics = client.get("/metrics").text
        pages = [client.get(path).text for path in ("/", "/openapi.json", "/-/ready")]
        statuses = {cell.response.status_code for cell in cells}
        # SQLite's own files beside the database are looked through too, while they are there.
        stored = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    assert statuses == {200, 401, 403, 404, 503}
    tokens = {cell.token for cell in cells if cell.token}
    assert len(tokens) > 100
    told = {
        "log": lines.getvalue() + caplog.text,
        "answers": "".join(
            cell.response.text + str(cell.response.headers.multi_items()) for cell in cells
        ),
        "metrics": metrics,
        "pages": "".join(pages),
        "store": stored.decode("latin-1"),
    }
    assert "/user" in told["metrics"], "requests about callers are counted"
    assert "acme/team/app" in told["store"]
    assert told["log"]
    for where, text in told.items():
        found = {token for token in tokens if token in text} | {
            token for token in (*ODD.values(), DEFAULT_TOKEN) if len(token) > 5 and token in text
        }
        assert not found, where


def test_the_exporters_own_token_never_speaks_for_a_caller(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str | None] = []

    def overheard(*request: object) -> str | None:
        heard.append(token_value(*request))  # type: ignore[arg-type]
        return heard[-1]

    with TestClient(estate.service.app()) as client:
        monkeypatch.setattr("exporter.simulator.front.token_value", overheard)
        for caller in CALLERS:
            for target_cells in run(estate, client, caller, FORMS[::4]):
                assert set(heard) <= {target_cells.token}, caller
                heard.clear()
    assert estate.gitlab.requests


def test_the_default_is_to_ask_gitlab(estate: Estate) -> None:
    assert estate.service.settings.api.auth == "gitlab"
    with TestClient(estate.service.app()) as client:
        answer = client.get("/groups/acme/dora/metrics?metric=deployment_frequency")
    assert answer.status_code == 401


def test_open_access_asks_nobody_and_answers_everybody(tmp_path: Path) -> None:
    with (
        polled_estate(tmp_path, auth="none") as estate,
        TestClient(estate.service.app()) as client,
    ):
        path = "/groups/acme/dora/metrics?metric=deployment_frequency&interval=all"
        for headers in ({}, {"PRIVATE-TOKEN": "bad"}):
            assert client.get(path, headers=headers).json() == 12
        assert estate.gitlab.requests == []


@pytest.mark.parametrize("auth", ["none", "gitlab"])
def test_open_access_is_said_loudly_at_the_start(
    tmp_path: Path, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch, auth: str
) -> None:
    configuration = tmp_path / "config.yaml"
    configuration.write_text(
        "gitlab: {url: 'http://127.0.0.1:9', token: Secret-of-the-exporter}\n"
        f"groups: [acme]\nstore: {{url: 'sqlite:///{tmp_path}/dora.db'}}\napi: {{auth: {auth}}}\n"
    )

    def serve(service: Service, *_: object) -> int:
        service.close()
        return 0

    def onto_lines(level: str, log_format: str, secrets: object) -> None:
        configure(level, log_format, secrets, stream=lines)  # type: ignore[arg-type]

    monkeypatch.setattr(cli, "_serve", serve)
    monkeypatch.setattr(cli, "configure", onto_lines)
    assert cli.main(["run", "--config.file", str(configuration), "--log.level", "warning"]) == 0
    said = [line for line in lines.getvalue().splitlines() if "api.auth" in line]
    assert len(said) == (1 if auth == "none" else 0)
    assert all("level=warning" in line and "everyone" in line for line in said)


@pytest.mark.parametrize("given", ["secret", "secret_file"])
def test_the_secret_of_the_webhook_is_in_no_line(
    tmp_path: Path, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """The one in a file neither before nor after it was changed."""
    secrets = ["Zq7SecretOfTheHook"]
    (tmp_path / "secret").write_text(secrets[0])
    value = secrets[0] if given == "secret" else tmp_path / "secret"
    configuration = tmp_path / "config.yaml"
    configuration.write_text(
        "gitlab: {url: 'http://127.0.0.1:9', token: Secret-of-the-exporter}\n"
        f"groups: [acme]\nstore: {{url: 'sqlite:///{tmp_path}/dora.db'}}\n"
        f"webhook: {{{given}: {value}}}\n"
    )

    def serve(service: Service, *_: object) -> int:
        if given == "secret_file":
            secrets.append("Zq7AnotherSecretOfTheHook")
            (tmp_path / "secret").write_text(secrets[1])
        with TestClient(service.app()) as client:
            for secret in (secrets[-1], "wrong"):
                client.post("/webhook", content=b"{", headers={"X-Gitlab-Token": secret})
            assert not [one for one in secrets if one in client.get("/metrics").text]
            assert not [one for one in secrets if one in client.get("/").text]
        logging.getLogger("exporter").error("secrets: %s", " ".join(secrets))
        service.close()
        return 0

    def onto_lines(level: str, log_format: str, hidden: object) -> None:
        configure(level, log_format, hidden, stream=lines)  # type: ignore[arg-type]

    monkeypatch.setattr(cli, "_serve", serve)
    monkeypatch.setattr(cli, "configure", onto_lines)
    assert cli.main(["run", "--config.file", str(configuration), "--log.level", "debug"]) == 0
    assert f'msg="secrets: {" ".join(["[redacted]"] * len(secrets))}"' in lines.getvalue()
    assert not [one for one in secrets if one in lines.getvalue()]
