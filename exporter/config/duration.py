"""Durations in Prometheus' notation, such as ``30s``, ``1h30m`` or ``95d``."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

EXAMPLES = "write for example 30s, 5m, 1h, 95d"
LONGEST = timedelta(days=100 * 365)

_LONGEST_SHOWN = 80

# Prometheus' own rule: each unit at most once, the larger before the smaller.
_PATTERN = re.compile(
    r"(?=[0-9])"
    r"(?:(?P<y>[0-9]{1,9})y)?(?:(?P<w>[0-9]{1,9})w)?(?:(?P<d>[0-9]{1,9})d)?"
    r"(?:(?P<h>[0-9]{1,9})h)?(?:(?P<m>[0-9]{1,9})m)?(?:(?P<s>[0-9]{1,9})s)?"
    r"(?:(?P<ms>[0-9]{1,15})ms)?"
)
_UNITS = {
    "y": timedelta(days=365),
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}


def _short(text: str) -> str:
    return repr(text) if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]!r}..."


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time that remembers how it was written.

    Attributes:
        text: As written, for labels and messages.
        timedelta: The length; a year is 365 days and a day 24 hours, whatever the timezone.
    """

    text: str
    timedelta: timedelta = field(repr=False)

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return self.timedelta.total_seconds()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a duration.

        Args:
            text: Such as ``1h30m``; the units are y, w, d, h, m, s and ms; a bare ``0`` is allowed.

        Raises:
            ValueError: When the text is none, or longer than 100 years; the message says what is
                allowed.
        """
        if text == "0":
            return cls(text, timedelta())
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise ValueError(f"{_short(text)} is not a duration; {EXAMPLES}")
        try:
            length = sum(
                (_UNITS[unit] * int(count) for unit, count in match.groupdict().items() if count),
                timedelta(),
            )
        except OverflowError:
            length = timedelta.max
        if length > LONGEST:
            raise ValueError(f"{_short(text)} is longer than 100y; {EXAMPLES}")
        return cls(text, length)

    def __str__(self) -> str:
        return self.text

    @classmethod
    def _validate(cls, value: object) -> Self:
        if isinstance(value, cls):
            return value
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            problem = f"must be a duration; {EXAMPLES}"
        else:
            try:
                return cls.parse(str(value))
            except ValueError as error:
                problem = str(error)
        raise PydanticCustomError("setting", "{text}", {"text": problem})

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let pydantic models have fields of this type, given as text."""
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.to_string_ser_schema()
        )
