"""What the page about webhooks says is so: its command runs, its answers come."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from exporter.config import load
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab, World
from exporter.webhook import Outcome
from exporter.webhook.receiver import LARGEST
from tests.tools import require
from tests.waiting import wait_until
from tests.webhook.listening_process import Listening, listening_to
from tests.webhook.payloads import SECRET, content, headers

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
HOST = "https://dora.example.com"
_ROW = re.compile(r"^\| (\d{3}) \| `(\{.*?\})` \|", re.MULTILINE)
ROWS = [(int(status), json.loads(body)) for status, body in _ROW.findall(PAGE)]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def gitlab() -> Iterator[SimulatedGitLab]:
    world = World()
    world.add_environment(world.add_project("acme/app"), "production")
    with SimulatedGitLab(world) as gitlab:
        yield gitlab


@pytest.fixture(scope="module")
def listening(
    gitlab: SimulatedGitLab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listening]:
    with listening_to(gitlab, tmp_path_factory.mktemp("webhook")) as listening:
        yield listening


def test_the_command_has_the_project_polled(gitlab: SimulatedGitLab, listening: Listening) -> None:
    """At once, though the next usual poll is an hour away."""
    exporter, url = listening.process, listening.url
    (command,) = [one for one in blocks("shell") if "object_kind" in one]
    (answer,) = [json.loads(one) for one in blocks("json")]
    world = gitlab.world
    (environment,) = world.environments.values()
    world.add_deployment(environment, created_at=world.clock(), finished_at=world.clock())
    shell = command.replace(HOST, url).replace("<your_secret>", SECRET)
    require("curl")
    done = subprocess.run(
        ["sh", "-c", shell.replace("curl ", "curl --silent --show-error --noproxy '*' ", 1)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert json.loads(done.stdout) == answer
    recent = 'gitlab_dora_project_recent_deployments{environment_tier="production"'
    name = "name[]=gitlab_dora_project_recent_deployments"
    wait_until(
        lambda: any(
            line.startswith(recent) and line.endswith(" 1.0")
            for line in exporter.get(f"{url}/metrics?{name}").text.splitlines()
        )
    )
    assert SECRET not in "".join(exporter.output + exporter.errors)


def test_answers_are_as_listed(listening: Listening) -> None:
    """All but those that take a clock, or a file that is gone; :mod:`test_receiver` has these."""
    url = listening.url

    def post(body: bytes, **more: str) -> tuple[int, dict[str, str]]:
        answer = requests.post(f"{url}/webhook", data=body, headers=headers(**more), timeout=30)
        return answer.status_code, answer.json()

    answers = [
        post(content(deployment=7)),
        post(content(deployment=7)),
        post(content(status="running")),
        post(b"{"),
        post(content(), X_Gitlab_Token="wrong"),
        post(b" " * (LARGEST + 1)),
        post(content(), Content_Type="text/plain"),
    ]
    got = requests.get(f"{url}/webhook", timeout=30)
    answers.append((got.status_code, got.json()))
    assert [row for row in ROWS if row not in answers] == [
        (404, {"error": "404 Not Found"}),
        (408, {"error": "408 Request Timeout"}),
        (503, {"error": "503 Service Unavailable: the secret cannot be read"}),
    ]
    assert [one for one in answers if one not in ROWS] == []


def test_outcomes_are_counted_and_named(listening: Listening) -> None:
    exporter, url = listening.process, listening.url
    text = exporter.get(f"{url}/metrics?name[]=gitlab_dora_exporter_webhook_events_total").text
    for outcome in Outcome:
        assert f'gitlab_dora_exporter_webhook_events_total{{outcome="{outcome}"}}' in text
        assert f"`{outcome}`" in PAGE


@pytest.mark.parametrize("example", blocks("yaml"))
def test_the_configurations_are_valid(example: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    text = example.replace("/run/secrets/webhook-secret", str(tmp_path / "secret"))
    given = {"gitlab": {"token": DEFAULT_TOKEN}, "projects": [1], **yaml.safe_load(text)}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(given))
    settings = load(tmp_path / "config.yaml", {"WEBHOOK_SECRET": SECRET})
    source = settings.webhook.secret_source()
    assert source is not None
    assert source.current() == SECRET


def test_links_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z ]", "", one.lower()).replace(" ", "-")
        for one in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings
