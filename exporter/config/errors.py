"""What a wrong configuration is answered with."""

from collections.abc import Sequence
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]

_LONGEST_KEY = 80


class ConfigError(Exception):
    """The configuration cannot be used.

    Attributes:
        messages: One line for each wrong key, as
            ``config.yaml:12: poll.interval: what is wrong; what is allowed``.
    """

    def __init__(self, messages: Sequence[str]) -> None:
        self.messages = list(messages)
        super().__init__("\n".join(self.messages))


class TokenError(ConfigError):
    """The GitLab token is missing, unreadable or malformed; the message never shows it."""

    def __init__(self, message: str) -> None:
        super().__init__([message])


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written.

    Attributes:
        name: A file's path or an environment variable.
        line: The line in the file, from 1; None for a variable or the file as a whole.
    """

    name: str
    line: int | None = None

    def __str__(self) -> str:
        return self.name if self.line is None else f"{self.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong thing.

    Attributes:
        origin: Where it was written.
        path: Keys and list positions (from 0) from the top; empty for the whole.
        text: What is wrong and what is allowed.
    """

    origin: Origin
    path: KeyPath
    text: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (str(self.origin), dotted(self.path), self.text)))


def dotted(path: KeyPath) -> str:
    """Write a path as users name it, such as ``groups[0].path``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path)
    return text.removeprefix(".")


def _key(text: str) -> str:
    """A key as messages show it: whatever it is, short and on one line."""
    short = text if len(text) <= _LONGEST_KEY else f"{text[:_LONGEST_KEY]}..."
    return short if short.isprintable() else repr(short)
