"""Which of the clients with a verified certificate may connect, by the names in it."""

import ssl
from ipaddress import ip_address
from typing import Any, Self


class NamedClients(ssl.SSLObject):
    """A TLS connection that ends at the handshake unless the client has an allowed name."""

    allowed: frozenset[str]

    @classmethod
    def only(cls, names: frozenset[str]) -> type[Self]:
        """Return the class of connections for the clients with one of these names."""
        return type(cls.__name__, (cls,), {"allowed": names})

    def do_handshake(self) -> None:
        """Shake hands, then look at the client's names.

        Raises:
            ssl.SSLCertVerificationError: if none of them is allowed.
        """
        super().do_handshake()
        if self.allowed.isdisjoint(_names(self.getpeercert() or {})):
            raise ssl.SSLCertVerificationError("the client's certificate has no allowed name")


def _names(certificate: dict[str, Any]) -> set[str]:
    """The alternative names: of hosts, addresses, mailboxes and resources."""
    return {
        str(ip_address(value.strip())) if kind == "IP Address" else value
        for kind, value in certificate.get("subjectAltName", ())
        if kind in {"DNS", "IP Address", "email", "URI"}
    }
