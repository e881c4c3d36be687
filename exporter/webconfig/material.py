"""What TLS is made of: certificate, key and client authorities, from the file or from others."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from exporter.webconfig.models import TlsSettings

_LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One of the three.

    Attributes:
        key: The key of ``tls_server_config`` that gave it.
        content: PEM text; None where there is none, or it could not be read.
        flaw: Why it could not be read.
    """

    key: str
    content: bytes | None = field(repr=False)
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """All three as they were at one moment; equal when nothing changed."""

    cert: Part
    key: Part
    client_ca: Part

    @classmethod
    def read(cls, tls: TlsSettings, folder: Path) -> Self:
        """Read the files that are named; relative paths begin at a folder."""
        return cls(
            _part("cert", tls.cert, tls.cert_file, folder),
            _part("key", tls.key.get_secret_value() if tls.key else None, tls.key_file, folder),
            _part("client_ca", tls.client_ca, tls.client_ca_file, folder),
        )

    def parts(self) -> Iterator[Part]:
        """All three."""
        yield from (self.cert, self.key, self.client_ca)


def _part(name: str, text: str | None, file: Path | None, folder: Path) -> Part:
    if file is None:
        return Part(name, None if text is None else text.encode())
    path = folder / file
    key = f"{name}_file"
    try:
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        return Part(key, None, f"{path} cannot be read: {error.strerror or error}")
    if len(content) > _LARGEST:
        return Part(key, None, f"{path} is too long for certificates and keys")
    return Part(key, content)
