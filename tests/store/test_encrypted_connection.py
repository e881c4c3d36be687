"""A PostgreSQL set up as docs/operations.md says, reached over TLS and by its name."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from cryptography import x509

from exporter.store import Store
from exporter.store.trouble import StoreError
from tests.ports import free_port
from tests.postgres import PASSWORD, USER, missing_server, running_server
from tests.webconfig.certificates import Authority

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
SETUP = PAGE.partition("\n### Set up PostgreSQL\n")[2].partition("\n### ")[0]
OWN = "its-own-password"
AUTHORITY = Authority("the database's authority")


def told(pattern: str) -> str:
    """Return the one thing of the page that looks like this."""
    (found,) = re.findall(pattern, SETUP, re.DOTALL)
    assert isinstance(found, str)
    return found


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a server that has the page's role and database, for the name localhost."""
    missing_server()
    chosen = free_port()
    certificate = AUTHORITY.issue("db", x509.DNSName("localhost"))
    with running_server(tls=(chosen, *certificate)) as server:
        with psycopg.connect(
            host=str(server.directory),
            port=chosen,
            user=USER,
            password=PASSWORD,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            # The role of the tests has the page's name already.
            script = told(r"```sql\n(.*?)```").replace("<your_password>", OWN)
            for statement in script.replace("ROLE dora", "ROLE own").split(";\n"):
                if statement:
                    connection.execute(statement.replace("OWNER dora", "OWNER own").encode())
        yield chosen


def url(port: int, authorities: Path, host: str = "localhost") -> str:
    """Return the page's URL, about the server of the test."""
    page = told(r"  url: (\S+)")
    for theirs, ours in (
        ("//dora:", "//own:"),
        ("${DORA_PASSWORD}", OWN),
        ("@db.example.com/", f"@{host}:{port}/"),
        ("/etc/ssl/certs/my-ca.pem", str(authorities)),
    ):
        assert page.count(theirs) == 1
        page = page.replace(theirs, ours)
    return page


def test_the_url_of_the_page_is_encrypted_and_verified(port: int, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(AUTHORITY.pem())
    with Store.open(url(port, tmp_path / "ca.pem"), to_poll=True) as store:
        assert store.shared
        with store._database.reading() as connection:
            encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert connection.exec_driver_sql(encrypted).scalar() is True


def test_another_authority_or_name_is_refused(port: int, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(AUTHORITY.pem())
    (tmp_path / "other.pem").write_text(Authority("another").pem())
    for wrong, said in (
        (url(port, tmp_path / "other.pem"), "certificate verify failed"),
        (url(port, tmp_path / "ca.pem", "127.0.0.1"), "does not match host name"),
        (url(port, tmp_path / "gone.pem"), "does not exist"),
    ):
        with pytest.raises(StoreError, match=said) as refused:
            Store.open(wrong, to_poll=True)
        assert OWN not in str(refused.value)
