"""curl runs the commands of GitLab's reference; only host and token are replaced."""

import json

import pytest

from tests.clients.conftest import Curl, read
from tests.contract.world import TOKENS

PROJECT = (
    'curl --header "PRIVATE-TOKEN: <your_access_token>" '
    '"https://gitlab.example.com/api/v4/projects/1/dora/metrics?metric=deployment_frequency"'
)
GROUP = (
    'curl --header "PRIVATE-TOKEN: <your_access_token>" '
    '"https://gitlab.example.com/api/v4/groups/1/dora/metrics?metric=deployment_frequency"'
)
COMMANDS = [PROJECT, GROUP]

EXAMPLE = [
    {"2021-03-01": 3},
    {"2021-03-02": 6},
    {"2021-03-03": 0},
    {"2021-03-04": 0},
    {"2021-03-05": 0},
    {"2021-03-06": 0},
    {"2021-03-07": 0},
    {"2021-03-08": 4},
]


def command_for(url: str, command: str, *options: str) -> str:
    replaced = command.replace("https://gitlab.example.com", url)
    replaced = replaced.replace("<your_access_token>", TOKENS["reporter"])
    return " ".join([replaced, *options])


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_reference(curl: Curl, key_value: str, command: str) -> None:
    answer = json.loads(curl(command_for(key_value, command)))
    assert answer[-8:] == EXAMPLE
    target = command.partition("https://gitlab.example.com")[2].rstrip('"')
    assert answer == read(key_value, target)
    assert len(answer) == 91


@pytest.mark.parametrize("command", COMMANDS)
def test_the_later_payload(curl: Curl, date_value: str, command: str) -> None:
    answer = json.loads(curl(command_for(date_value, command)))
    assert [{one["date"]: one["value"]} for one in answer[-8:]] == EXAMPLE


@pytest.mark.parametrize("command", COMMANDS)
def test_head(curl: Curl, key_value: str, command: str) -> None:
    status, *lines = curl(command_for(key_value, command, "-I")).strip().splitlines()
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert status == "HTTP/1.1 200 OK"
    assert headers["content-type"] == "application/json"
    body = curl(command_for(key_value, command))
    assert int(headers["content-length"]) == len(body)


@pytest.mark.parametrize("command", COMMANDS)
def test_compressed(curl: Curl, key_value: str, command: str) -> None:
    sizes = []
    for options in ([], ["--compressed"]):
        told = "--write-out '\\n%{size_download}'"
        body, _, size = curl(command_for(key_value, command, *options, told)).rpartition("\n")
        assert json.loads(body)[-8:] == EXAMPLE
        sizes.append(int(size))
    plain, compressed = sizes
    assert compressed < plain / 3


@pytest.mark.parametrize("command", COMMANDS)
def test_if_none_match(curl: Curl, key_value: str, command: str) -> None:
    headers = curl(command_for(key_value, command, "-I"))
    (etag,) = [
        line.partition(": ")[2]
        for line in headers.splitlines()
        if line.lower().startswith("etag: ")
    ]
    told = "--write-out '%{http_code}'"
    known = f"--header 'If-None-Match: {etag}'"
    assert curl(command_for(key_value, command, known, told)) == "304"
    other = "--header 'If-None-Match: \"other\"'"
    assert curl(command_for(key_value, command, other, told)).endswith("}]200")


def test_curl_keeps_the_etag_itself(curl: Curl, key_value: str) -> None:
    first = curl(command_for(key_value, PROJECT, "--etag-save kept"))
    assert json.loads(first)[-8:] == EXAMPLE
    again = command_for(key_value, PROJECT, "--etag-compare kept", "--write-out '%{http_code}'")
    assert curl(again) == "304"
