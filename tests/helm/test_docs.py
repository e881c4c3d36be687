"""What the documents say of the chart is so."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.engine import CHART, render
from tests.helm.value_sets import container, only

ROOT = CHART.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "docs/operations.md", CHART / "README.md"]

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.parent.name)


def blocks(path: Path, language: str) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)


def commands(path: Path) -> list[list[str]]:
    """The commands of a document, in words."""
    lines = "".join(blocks(path, "shell")).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.strip()]


def values_set(command: list[str]) -> dict[str, Any]:
    """The values that a command sets."""
    values: dict[str, Any] = {}
    for flag, argument in pairwise(command):
        if flag == "--set":
            name, _, value = argument.partition("=")
            *way, last = name.split(".")
            place = values
            for key in way:
                place = place.setdefault(key, {})
            place[last] = value[1:-1].split(",") if value.startswith("{") else value
    return values


@each_document
def test_commands_install_what_they_say(path: Path) -> None:
    installing = [one for one in commands(path) if one[:2] == ["helm", "install"]]
    assert installing
    for command in installing:
        assert command[2:4] == ["dora", "./helm"]
        if "--values" not in command:
            manifests = render(values_set(command))
            assert container(manifests)["image"].startswith("registry.example.com/")


@each_document
def test_the_charts_test_waits_until_a_pod_is_ready(path: Path) -> None:
    """Before the first poll is complete the Service leads nowhere, and the test fails."""
    told = [" ".join(words[:2]) for words in commands(path)]
    for place, command in enumerate(told):
        if command == "helm test":
            assert told[place - 1] == "kubectl rollout"


def test_the_file_of_values_is_taken() -> None:
    (text,) = blocks(CHART / "README.md", "yaml")
    kinds = {one["kind"] for one in render(yaml.safe_load(text))}
    assert {"ServiceMonitor", "PrometheusRule"} <= kinds


@each_document
def test_objects_are_called_by_their_names(path: Path) -> None:
    given = {"config": {"groups": ["g"]}, "token": {"existingSecret": "gitlab-token"}}
    name = only(render(given), "Deployment")["metadata"]["name"]
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"(?:deployment/|pvc\s+)([a-z][a-z-]+)", text)
    assert set(named) <= {name}
    keys = re.findall(r"create secret generic gitlab-token --from-literal=(\w+)=", text)
    assert set(keys) <= {"token"}


@each_document
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [one for one in links if not (path.parent / one).exists()] == []
