"""Folders with certificates, and web configurations for them."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bcrypt
import yaml
from cryptography import x509

from exporter.webconfig import WebConfig
from tests.webconfig.certificates import LOOPBACK, Authority, write

PASSWORD = "correct horse battery staple"
# The lowest cost there is, as tests have better things to wait for.
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()

FILES = {"cert_file": "server.crt", "key_file": "server.key"}
MUTUAL = {
    **FILES,
    "client_auth_type": "RequireAndVerifyClientCert",
    "client_ca_file": "clients.crt",
}
CLIENT_NAME = "prometheus.example.com"


@dataclass(frozen=True)
class Secured:
    """A folder with ``server``, ``client`` and ``stranger``, each ``.crt`` and ``.key``.

    ``ca.crt`` signed the server's certificate, ``clients.crt`` the client's. Nobody knows who
    signed the stranger's.
    """

    folder: Path
    servers: Authority
    clients: Authority

    @classmethod
    def in_folder(cls, folder: Path) -> "Secured":
        """Fill a folder."""
        made = cls(folder, Authority("servers"), Authority("clients"))
        (folder / "ca.crt").write_text(made.servers.pem())
        (folder / "clients.crt").write_text(made.clients.pem())
        made.renew_server()
        write(folder, "client", *made.clients.issue("client", x509.DNSName(CLIENT_NAME)))
        write(folder, "stranger", *Authority("elsewhere").issue("stranger"))
        return made

    def copied(self, folder: Path) -> "Secured":
        """Return the same in another folder."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return replace(self, folder=folder)

    @property
    def path(self) -> Path:
        """Where the web configuration lies."""
        return self.folder / "web.yml"

    def renew_server(self) -> None:
        """Put another certificate and key in the place of the server's."""
        write(self.folder, "server", *self.servers.issue("server", *LOOPBACK))

    def write(self, text: str) -> None:
        """Write the web configuration at once, as a careful administrator does."""
        new = self.folder / "web.yml.new"
        new.write_text(text)
        new.rename(self.path)

    def say(self, tls: dict[str, Any] | None = None, **more: Any) -> None:
        """Write the web configuration from its keys."""
        self.write(yaml.safe_dump({**({"tls_server_config": tls} if tls else {}), **more}))

    def config(self, tls: dict[str, Any] | None = None, **more: Any) -> WebConfig:
        """Write the web configuration, and read it."""
        self.say(tls, **more)
        return WebConfig(self.path)
