"""Reading the web configuration from the bytes of its file."""

from dataclasses import dataclass
from pathlib import Path

from exporter.config import ConfigError
from exporter.config.document import Document, parse_document
from exporter.config.errors import Problem
from exporter.config.load import decode, validate
from exporter.webconfig.models import WebSettings

REFERENCE = "docs/web-configuration.md"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file says, and where it says so.

    Attributes:
        path: The file.
        settings: Its checked content.
    """

    path: Path
    settings: WebSettings
    _document: Document

    def refusal(self, text: str, key: str | None = None) -> ConfigError:
        """The error that names ``tls_server_config`` or a key of it, by file and line."""
        path = ("tls_server_config", key) if key else ("tls_server_config",)
        return ConfigError([str(Problem(self._document.origin(path), path, text))])


def load(content: bytes, path: Path) -> Loaded:
    """Read and check a file; the files that it names are not looked at.

    Args:
        content: What the file holds.
        path: Where it lies, for messages and for relative paths in it.

    Raises:
        ConfigError: When anything is wrong, with one message for every wrong key. No message shows
            a key or a hash.
    """
    # Nothing is filled in from the environment: other programs that read the file would not.
    document = parse_document(
        decode(content, path), str(path), None, keys="tls_server_config and basic_auth_users"
    )
    settings = validate(document, document.data, WebSettings, reference=REFERENCE)
    if document.problems or settings is None:
        ordered = sorted(document.problems, key=lambda problem: problem.origin.line or 0)
        raise ConfigError(list(dict.fromkeys(map(str, ordered))))
    return Loaded(path, settings, document)
