"""A real Prometheus scrapes the exporter over TLS, with a certificate, and with a password."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.prometheus.server import Prometheus, scraping
from tests.waiting import wait_until
from tests.webconfig.secured import FILES, HASH, MUTUAL, PASSWORD, Secured
from tests.webconfig.serving import serving

PASSWORDS = {"basic_auth_users": {"alice": HASH}}
TRUST = {"ca_file": "ca.crt"}
CLIENT = {**TRUST, "cert_file": "client.crt", "key_file": "client.key"}
STRANGER = {**TRUST, "cert_file": "stranger.crt", "key_file": "stranger.key"}
ALICE = {"username": "alice", "password": PASSWORD}
WRONG = {"username": "alice", "password": "guess"}


@dataclass(frozen=True)
class Case:
    """What the exporter asks for, and what Prometheus shows."""

    tls: dict[str, str]
    identity: dict[str, str]
    users: dict[str, Any] = field(default_factory=dict)
    password: dict[str, str] | None = None

    @contextmanager
    def scraped(self, secured: Secured, folder: Path) -> Iterator[Prometheus]:
        """Start both."""
        secured.say(self.tls, **self.users)
        paths = {
            key: str(secured.folder / value) if key.endswith("_file") else value
            for key, value in self.identity.items()
        }
        job: dict[str, Any] = {"scheme": "https", "tls_config": paths}
        if self.password:
            job["basic_auth"] = self.password
        with (
            serving(secured) as running,
            scraping(running.address, folder / "prometheus", **job) as prometheus,
        ):
            yield prometheus


BOTH = Case(MUTUAL, CLIENT, PASSWORDS, ALICE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for Prometheus."""
    (tmp_path / "prometheus").mkdir()
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize(
    "case",
    [
        Case(FILES, TRUST),
        Case(MUTUAL, CLIENT),
        Case(FILES, TRUST, PASSWORDS, ALICE),
        BOTH,
    ],
    ids=["TLS", "mutual TLS", "passwords", "both"],
)
def test_it_is_scraped(secured: Secured, folder: Path, case: Case) -> None:
    with case.scraped(secured, folder) as prometheus:
        wait_until(lambda: bool(prometheus.query("gitlab_dora_exporter_up == 1")))
        assert (prometheus.target()["health"], prometheus.target()["lastError"]) == ("up", "")


@pytest.mark.long
def test_scrapes_go_on_while_the_certificate_is_renewed(secured: Secured, folder: Path) -> None:
    scrapes, worst = "count_over_time(up[1h])", "min_over_time(up[1h])"
    with BOTH.scraped(secured, folder) as prometheus:
        wait_until(lambda: bool(prometheus.query("up == 1")))
        secured.renew_server()
        (before,) = prometheus.query(scrapes).values()
        wait_until(lambda: max(prometheus.query(scrapes).values()) >= before + 3)
        assert list(prometheus.query(worst).values()) == [1]


@pytest.mark.long
@pytest.mark.parametrize(
    ("case", "error"),
    [
        (Case(FILES, {"ca_file": "clients.crt"}), "certificate signed by unknown authority"),
        (Case(MUTUAL, STRANGER), "remote error: tls: unknown certificate authority"),
        (Case(FILES, TRUST, PASSWORDS, WRONG), "401 Unauthorized"),
        (
            Case({**FILES, "max_version": "TLS12"}, {**TRUST, "min_version": "TLS13"}),
            "remote error: tls: protocol version not supported",
        ),
    ],
)
def test_it_is_not_scraped(secured: Secured, folder: Path, case: Case, error: str) -> None:
    with case.scraped(secured, folder) as prometheus:
        wait_until(lambda: bool(prometheus.query("up == 0")))
        assert re.search(error, prometheus.target()["lastError"])
        assert prometheus.query("gitlab_dora_exporter_up") == {}
