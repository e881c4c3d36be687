"""What the page about TLS and passwords says is so; and Prometheus' own checker agrees."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from exporter.webconfig import WebConfig
from exporter.webconfig.models import HEADERS, WebSettings
from exporter.webconfig.tls_names import CIPHERS, CIPHERS_OF_TLS13, CLIENT_AUTHS, CURVES, VERSIONS
from tests.tools import require
from tests.webconfig.secured import FILES, HASH, MUTUAL, Secured

PAGE = (Path(__file__).parents[2] / "docs" / "web-configuration.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SCRAPES = [one for one in BLOCKS if "scrape_configs" in one]
EXAMPLES = [one for one in BLOCKS if "scrape_configs" not in one]

VALID: list[dict[str, Any]] = [
    {},
    {"tls_server_config": FILES},
    {"tls_server_config": MUTUAL},
    {"tls_server_config": FILES, "basic_auth_users": {"alice": HASH}},
    {"tls_server_config": MUTUAL, "basic_auth_users": {"alice": HASH}},
    {"basic_auth_users": {"alice": HASH, "bob": HASH.replace("$2b$", "$2y$")}},
    {"tls_server_config": {**FILES, "min_version": "TLS13"}},
    {"tls_server_config": {**FILES, "min_version": "TLS10", "max_version": "TLS11"}},
    {"tls_server_config": {**FILES, "cipher_suites": [*CIPHERS, *CIPHERS_OF_TLS13]}},
    {"tls_server_config": {**FILES, "prefer_server_cipher_suites": False}},
    *({"tls_server_config": {**FILES, "curve_preferences": [one]}} for one in CURVES),
    {"tls_server_config": {**FILES, "client_auth_type": "RequestClientCert"}},
    {"http_server_config": {"http2": True}},
    {"http_server_config": {"headers": {"X-Frame-Options": "sameorigin"}}},
    {"http_server_config": {"headers": {"X-XSS-Protection": 0}}},
    {"tls_server_config": {**FILES, "client_ca_file": "", "client_auth_type": ""}},
    # Newer than some promtools.
    {"tls_server_config": {**MUTUAL, "client_allowed_sans": ["prometheus.example.com"]}},
    {"tls_server_config": {**FILES, "cert": "", "key": "", "client_ca": ""}},
    {"rate_limit": {"interval": "1s", "burst": 10}},
    {"rate_limit": {"interval": "1.5s", "burst": 10}},
    {"rate_limit": {"interval": 0, "burst": 0}},
]

_NEWER = re.compile(r"field (rate_limit|client_allowed_sans|cert|key|client_ca) not found in type")


def promtool(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [require("promtool"), "check", "web-config", path],
        capture_output=True,
        text=True,
        check=False,
    )


def judged(path: Path) -> None:
    """Ours takes the file, and so does promtool, but for keys that are newer than it."""
    WebConfig(path)
    done = promtool(path)
    while newer := _NEWER.search(done.stderr):
        text = yaml.safe_load(path.read_text())
        text.pop(newer[1], None)
        (text.get("tls_server_config") or {}).pop(newer[1], None)
        path.write_text(yaml.safe_dump(text))
        done = promtool(path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_are_valid(secured: Secured, example: str) -> None:
    secured.write(example)
    judged(secured.path)


@pytest.mark.parametrize("settings", VALID, ids=[str(number) for number in range(len(VALID))])
def test_promtool_takes_what_is_valid_here(secured: Secured, settings: dict[str, Any]) -> None:
    secured.write(yaml.safe_dump(settings))
    judged(secured.path)


def test_promtool_refuses_what_is_wrong(secured: Secured) -> None:
    """So that its consent to the others means something."""
    secured.say(FILES, basic_auth_users={"alice": "x"})
    assert promtool(secured.path).returncode == 1


@pytest.mark.parametrize("example", SCRAPES)
def test_prometheus_takes_the_scrapes(secured: Secured, example: str) -> None:
    (secured.folder / "dora-password").write_text("x")
    (secured.folder / "prometheus.yml").write_text(example)
    done = subprocess.run(
        [require("promtool"), "check", "config", secured.folder / "prometheus.yml"], check=False
    )
    assert done.returncode == 0


def keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from keys(inner)


def test_every_key_and_name_is_documented() -> None:
    reference = re.sub(r"```.*?```", "", PAGE.partition("## Everything")[2], flags=re.DOTALL)
    named = set(re.findall(r"`\.?([^`]+)`", reference))
    wanted = {*keys(WebSettings), *HEADERS, *VERSIONS, *CURVES, *CLIENT_AUTHS}
    assert wanted - named == set()
