import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.gitlab.errors import UnavailableError
from tests.gitlab.conftest import Clients
from tests.gitlab.server import ScriptedServer, Told


def make_certificate(folder: Path, name: str) -> Path:
    """Make a self-signed certificate for the loopback address; its key lies in the same file."""
    path = folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", path, "-out", folder / "cert"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + (folder / "cert").read_bytes())
    return path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"), "gitlab")


@pytest.fixture
def server(certificate: Path) -> Iterator[ScriptedServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ScriptedServer(lambda _: Told({"id": 1}), context) as running:
        yield running


def other(certificate: Path) -> Path:
    return make_certificate(certificate.parent, "other")


def not_there(certificate: Path) -> Path:
    return certificate.with_name("gone.pem")


def not_a_certificate(certificate: Path) -> Path:
    path = certificate.with_name("text.pem")
    path.write_text("no certificate")
    return path


def test_ca_file_is_trusted(server: ScriptedServer, clients: Clients, certificate: Path) -> None:
    assert clients(server.url, ssl_verify=str(certificate)).get("/user") == {"id": 1}


def test_unknown_certificate_is_refused(server: ScriptedServer, clients: Clients) -> None:
    with pytest.raises(UnavailableError, match=r"GET /user: TLS: .*certificate"):
        clients(server.url).get("/user")
    assert server.asked == []


def test_authorities_of_the_system_are_not_asked(
    server: ScriptedServer, clients: Clients, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/operations.md and config.yaml say; they may be named like any other file."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # where OpenSSL looks for the system's
    (known,) = ssl.create_default_context().get_ca_certs()
    assert known["subject"] == ((("commonName", "gitlab"),),)
    with pytest.raises(UnavailableError, match="TLS"):
        clients(server.url).get("/user")
    root = Path(__file__).parents[2]
    for page in ("config.yaml", "docs/operations.md"):
        told = (root / page).read_text(encoding="utf-8")
        assert "instead of the system's" not in told.replace("\n", " ")
        assert "certifi" in told


@pytest.mark.parametrize("ca_file", [other, not_there, not_a_certificate])
def test_wrong_ca_file_is_a_tls_error(
    server: ScriptedServer, clients: Clients, certificate: Path, ca_file: Callable[[Path], Path]
) -> None:
    with pytest.raises(UnavailableError, match="TLS"):
        clients(server.url, ssl_verify=str(ca_file(certificate))).get("/user")
    assert server.asked == []
