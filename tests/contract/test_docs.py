"""What the reference page says is so."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.api.openapi import openapi_document
from exporter.config import Settings
from exporter.explain.facts import Mark, Reason
from exporter.simulator import DEFAULT_TOKEN, SimulatedGitLab
from tests.contract.conftest import Start
from tests.contract.pairs import read_pairs, written
from tests.contract.serving import Answer, ask, exporter_at
from tests.contract.world import TOKENS, create_world

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
HOST = "https://dora.example.com"
CALLERS = {"<your_access_token>": "reporter", "<token_of_a_guest>": "guest"}
UNAVAILABLE = {"message": "503 Service Unavailable: GitLab cannot be asked about the caller"}
_GITLAB = re.compile(r"http://127\.0\.0\.1:\d+")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A command, and its answer in a block of JSON or of a whole HTTP answer."""

    command: str
    language: str
    shown: str

    def ask(self, address: str) -> Answer:
        """Send what the command says."""
        command = self.command
        for placeholder, caller in CALLERS.items():
            command = command.replace(placeholder, TOKENS[caller])
        program, *words = shlex.split(command.replace("\\\n", " "))
        assert program == "curl"
        target, headers, method = "", {}, "GET"
        arguments = iter(words)
        for word in arguments:
            if word == "--header":
                name, _, value = next(arguments).partition(": ")
                headers[name] = value
            elif word == "--head":
                method = "HEAD"
            elif word not in {"--include", "--globoff"}:
                assert word.startswith(HOST)
                assert not target
                target = word.removeprefix(HOST)
        return ask(address, target, method=method, headers=headers)


def examples() -> Iterator[Example]:
    blocks = iter(_BLOCK.findall(PAGE))
    for language, text in blocks:
        assert language == "shell", f"an answer without a command: {text}"
        yield Example(text, *next(blocks))


@pytest.mark.parametrize("example", list(examples()), ids=lambda one: shlex.split(one.command)[-1])
def test_an_example_is_answered_as_shown(exporter_with: Start, example: Example) -> None:
    answer = example.ask(exporter_with({}, None))
    if example.language == "json":
        assert answer.status == 200
        body = _GITLAB.sub("https://gitlab.example.com", answer.body.decode())
        assert written(json.loads(body)) == written(json.loads(example.shown))
        return
    assert example.language == "http"
    head, _, body = example.shown.partition("\n\n")
    status, *lines = head.strip().splitlines()
    assert status.split()[:2] == ["HTTP/1.1", str(answer.status)]
    for line in lines:
        name, _, value = line.partition(": ")
        assert answer.headers[name.lower()] == value
    assert answer.body.decode() == body.strip()


def test_there_are_examples() -> None:
    assert len(list(examples())) >= 12


def test_errors_are_those_of_the_table_of_pairs() -> None:
    known = {
        (pair.status, pair.expected)
        for pair in read_pairs()
        if pair.status >= 400 and pair.expected
    }
    rows = re.findall(r"^\| (\d{3}) \| `(\{.*?\})` \|", PAGE, re.MULTILINE)
    shown = {(int(status), written(json.loads(body))) for status, body in rows}
    assert len(shown) == PAGE.count("\n| 4") + PAGE.count("\n| 5")
    assert shown - known == {(503, written(UNAVAILABLE))}


@pytest.mark.parametrize("kind", [Reason, Mark])
def test_every_reason_and_mark_is_explained(kind: type[Reason] | type[Mark]) -> None:
    section = PAGE.partition("\n## Explanations\n")[2].partition("\n## ")[0]
    table = section.partition(f"\n| {kind.__name__} |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(kind)


def test_nobody_reads_anything_while_gitlab_is_down(tmp_path: Path) -> None:
    gitlab = SimulatedGitLab(create_world())
    with gitlab, exporter_at(gitlab.url, tmp_path) as address:
        gitlab.stop()
        answer = ask(
            address,
            "/projects/1/dora/metrics?metric=deployment_frequency",
            headers={"PRIVATE-TOKEN": TOKENS["reporter"]},
        )
    assert (answer.status, json.loads(answer.body)) == (503, UNAVAILABLE)


def test_parameters_are_those_of_the_openapi_document() -> None:
    settings = Settings.model_validate({"gitlab": {"token": DEFAULT_TOKEN}, "projects": [1]})
    operation = openapi_document(settings)["paths"]["/dora/metrics"]["get"]
    named = {one["name"] for one in operation["parameters"]} - {"project", "group"}
    explained = openapi_document(settings)["paths"]["/dora/explain"]["get"]
    paged = {one["name"] for one in explained["parameters"]} - {"project", "group"} - named
    assert paged == {"page", "per_page"}
    section = PAGE.partition("\n## Parameters\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)) == named
