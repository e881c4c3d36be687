"""TLS between two contexts in memory, without a connection between."""

import ssl
import warnings
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Client:
    """What a client wants of TLS."""

    folder: Path
    identity: str | None = None
    versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None
    ciphers: str | None = None
    curve: str | None = None
    alpn: list[str] = field(default_factory=list)

    def context(self) -> ssl.SSLContext:
        """Return the client's context; it trusts ``ca.crt``."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.folder / "ca.crt")
        if self.identity:
            path = self.folder / self.identity
            context.load_cert_chain(path.with_suffix(".crt"), path.with_suffix(".key"))
        if self.ciphers:
            context.set_ciphers(self.ciphers)
        if self.curve:
            context.set_ecdh_curve(self.curve)
        if self.alpn:
            context.set_alpn_protocols(self.alpn)
        if self.versions:
            with warnings.catch_warnings():
                # Python warns of versions before TLS 1.2.
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version, context.maximum_version = self.versions
        return context


def shake(server: ssl.SSLContext, client: Client) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Shake hands and send a word each way; return both ends, the server's first.

    Raises:
        ssl.SSLError: where either refuses the other.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        server.wrap_bio(to_server, to_client, server_side=True),
        client.context().wrap_bio(to_client, to_server, server_hostname="localhost"),
    )
    waiting = list(ends)
    for _ in range(10):
        for end in list(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
    assert not waiting
    for sender, receiver in (ends, ends[::-1]):
        sender.write(b"word")
        assert receiver.read() == b"word"
    return ends


def serial(end: ssl.SSLObject) -> str:
    """Return the number of the certificate that the other end showed."""
    certificate = end.getpeercert()
    assert certificate
    return str(certificate["serialNumber"])
