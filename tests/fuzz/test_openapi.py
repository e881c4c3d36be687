"""The OpenAPI document tells the truth: schemathesis believes it, and finds nothing else."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fuzz.exporters import Estate, Process, started

_KNOWN = '[parameters]\n"path.project" = "acme/quokka/app"\n"path.group" = "acme"\n'
"""What there is, so that more than refusals is looked at."""

# By its own terms everything that the schema of each parameter allows must be accepted; which dates
# make a range, and that one of project and group is given, no schema of a parameter can say.
_COMBINED = "positive_data_acceptance"

# Everything else must be refused; but as GitLab's, the API passes over parameters that it does not
# know, and over environment_tier beside environment_tiers[]. One by one, wrong ones are refused.
_OVERLOOKED = f"{_COMBINED},negative_data_rejection"


@pytest.fixture(scope="module")
def open_process(estate: Estate, folder: Path) -> Iterator[Process]:
    """An exporter in a process of its own that answers everybody."""
    with started(estate, folder, auth="none") as opened:
        yield opened


@pytest.fixture(params=["gitlab", "none"])
def api(request: pytest.FixtureRequest) -> Process:
    """The exporter with either kind of access."""
    name = {"gitlab": "process", "none": "open_process"}[request.param]
    found: Process = request.getfixturevalue(name)
    return found


def _schemathesis(
    estate: Estate,
    api: Process,
    folder: Path,
    *,
    known: bool,
    examples: int,
    phases: str,
    excluded: str,
) -> int:
    """Run it with a Reporter's token; return how many requests it made, all of them passed."""
    configuration = folder / "schemathesis.toml"
    configuration.write_text(_KNOWN if known else "")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)),
            *("run", f"{api.url}/openapi.json", "--seed", "1", "--no-color"),
            *("--checks", "all", "--exclude-checks", excluded, "--phases", phases),
            *("--max-examples", str(examples), "--max-response-time", "5"),
            *("--header", f"PRIVATE-TOKEN: {estate.tokens['reader']}"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert made, done.stdout
    assert made[1] == made[2], done.stdout
    assert "Operations:       14 selected / 14 total" in done.stdout
    assert "Traceback" not in api.log.read_text()
    return int(made[1])


@pytest.mark.long
def test_schemathesis_finds_nothing(estate: Estate, api: Process, tmp_path: Path) -> None:
    made = _schemathesis(
        estate,
        api,
        tmp_path,
        known=True,
        examples=10,
        phases="examples,fuzzing",
        excluded=_OVERLOOKED,
    )
    assert made > 50


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    ("phases", "excluded", "least"),
    [("examples,coverage", _COMBINED, 300), ("fuzzing", _OVERLOOKED, 350)],
    ids=["one by one", "at random"],
)
def test_schemathesis_finds_nothing_in_many_requests(
    estate: Estate,
    api: Process,
    tmp_path: Path,
    *,
    known: bool,
    phases: str,
    excluded: str,
    least: int,
) -> None:
    made = _schemathesis(
        estate, api, tmp_path, known=known, examples=60, phases=phases, excluded=excluded
    )
    assert made > least


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        found: dict[str, Any] = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


@pytest.mark.parametrize("page", ["metrics", "explain"])
def test_every_status_is_declared_and_every_declared_one_of_access_is_given(
    estate: Estate, process: Process, page: str
) -> None:
    document = requests.get(f"{process.url}/openapi.json", timeout=5).json()
    declared = document["paths"][f"/api/v4/projects/{{project}}/dora/{page}"]["get"]["responses"]
    url = f"{process.url}/api/v4/projects/acme%2Fquokka%2Fapp/dora/{page}"
    good = {"metric": "deployment_frequency"}
    given = {}
    for token, parameters in (
        ("reader", good),
        ("guest", good),
        ("stranger", good),
        ("blocked", good),
        ("reader", {"metric": "none"}),
    ):
        headers = {"PRIVATE-TOKEN": estate.tokens[token]}
        answer = requests.get(url, params=parameters, headers=headers, timeout=5)
        kinds = _resolved(document, declared[str(answer.status_code)])["content"]
        assert answer.headers["content-type"] in kinds
        given[answer.status_code] = answer.headers.get("etag", "")
    headers = {"PRIVATE-TOKEN": estate.tokens["reader"], "If-None-Match": given[200]}
    assert requests.get(url, params=good, headers=headers, timeout=5).status_code == 304
    assert {str(status) for status in given} | {"304", "503"} == set(declared)


def test_the_document_tells_whether_a_token_is_needed(
    process: Process, open_process: Process
) -> None:
    for api, needed in ((process, True), (open_process, False)):
        document = requests.get(f"{api.url}/openapi.json", timeout=5).json()
        operations = [path["get"] for name, path in document["paths"].items() if "dora" in name]
        assert len(operations) == 10
        for operation in operations:
            assert ("security" in operation) is needed
            assert ("401" in operation["responses"]) is needed
