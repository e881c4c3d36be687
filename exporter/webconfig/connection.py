"""TLS connections of clients: what those who are refused hear, and which names are let in."""

import ssl
from ipaddress import ip_address
from typing import Any, Self


class Connection(ssl.SSLObject):
    """A connection whose client hears why it is refused."""

    outgoing: ssl.MemoryBIO | None = None
    """Where OpenSSL puts what the client shall hear."""

    _refusal: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Shake hands.

        Raises:
            ssl.SSLError: if the client is refused.
        """
        if self._refusal is not None:
            raise self._refusal
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            if self.outgoing is None or not self.outgoing.pending:
                raise
            # asyncio would drop the alert that waits there, unless it thinks there is more to
            # come. The client ends the connection then, or the time for handshakes does.
            self._refusal = error
            raise ssl.SSLWantReadError from None


class NamedConnection(Connection):
    """A connection that ends at the handshake unless the client has an allowed name."""

    allowed: frozenset[str]

    @classmethod
    def only(cls, names: frozenset[str]) -> type[Self]:
        """Return the class of connections for the clients with one of these names."""
        return type(cls.__name__, (cls,), {"allowed": names})

    def do_handshake(self) -> None:
        """Shake hands, then look at the names in the client's verified certificate.

        Raises:
            ssl.SSLError: if the client is refused.
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
