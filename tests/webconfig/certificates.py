"""Authorities of the tests' own, and certificates that they sign."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

LOOPBACK: tuple[x509.GeneralName, ...] = (
    x509.IPAddress(ip_address("127.0.0.1")),
    x509.DNSName("localhost"),
)


class Authority:
    """Signs certificates; its own is to be trusted."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self._name, self._key.public_key(), authority=True)

    def pem(self) -> str:
        """Return its own certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(
        self,
        name: str,
        *alternatives: x509.GeneralName,
        password: str | None = None,
        begin: timedelta = -timedelta(hours=1),
        lasting: timedelta = timedelta(days=2),
    ) -> tuple[str, str]:
        """Return a new certificate and its key, encrypted where there is a password.

        It is valid from ``begin``, counted from now on.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(
            subject, key.public_key(), alternatives, begin=begin, lasting=lasting
        )
        encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        return (
            certificate.public_bytes(Encoding.PEM).decode(),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode(),
        )

    def own(self) -> tuple[str, str]:
        """Return its own certificate, which is signed by itself, and the key of it."""
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self.pem(), key.decode()

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        alternatives: tuple[x509.GeneralName, ...] = (),
        *,
        authority: bool = False,
        begin: timedelta = -timedelta(hours=1),
        lasting: timedelta = timedelta(days=2),
    ) -> x509.Certificate:
        valid_from = datetime.now(UTC) + begin
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(valid_from)
            .not_valid_after(valid_from + lasting)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if alternatives:
            names = x509.SubjectAlternativeName(alternatives)
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, SHA256())


def write(folder: Path, name: str, certificate: str, key: str) -> None:
    """Put a certificate and its key into a folder, as ``name.crt`` and ``name.key``."""
    (folder / f"{name}.crt").write_text(certificate)
    (folder / f"{name}.key").write_text(key)
