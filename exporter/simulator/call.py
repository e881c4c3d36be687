"""One request as the handlers see it, and what they give back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from starlette.datastructures import QueryParams

from exporter.simulator.access import Caller
from exporter.simulator.errors import bad_parameter
from exporter.simulator.world import World

_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Answer:
    """What a handler gives back: JSON, with headers of its own."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A request whose caller is known.

    Attributes:
        base_url: Scheme and host the caller used, without a slash at the end.
        path: The path as sent, still encoded.
        route: The variable parts of the path, decoded.
        query: The query parameters, decoded.
    """

    world: World
    caller: Caller
    base_url: str
    path: str
    route: Mapping[str, str]
    query: QueryParams

    def text(self, name: str) -> str | None:
        """Read a text parameter; empty counts as absent."""
        return self.query.get(name) or None

    def choice(self, name: str, allowed: Sequence[str], default: str | None) -> str | None:
        """Read a parameter that must be one of a few values.

        Raises:
            ApiError: 400 when it is none of them.
        """
        value = self.query.get(name, default)
        if value is not None and value not in allowed:
            raise bad_parameter(f"{name} does not have a valid value")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Read a boolean parameter.

        Raises:
            ApiError: 400 when it is not one.
        """
        value = self.query.get(name)
        if value is None or value == "":
            return default
        if value.lower() not in _FLAGS:
            raise bad_parameter(f"{name} is invalid")
        return _FLAGS[value.lower()]

    def number(self, name: str) -> int | None:
        """Read a whole number.

        Raises:
            ApiError: 400 when it is not one.
        """
        value = self.query.get(name)
        if not value:
            return None
        try:
            return int(value)
        except ValueError:
            raise bad_parameter(f"{name} is invalid") from None

    def moment(self, name: str) -> datetime | None:
        """Read an ISO 8601 time; without an offset it is UTC.

        Raises:
            ApiError: 400 when it is not one.
        """
        value = self.query.get(name)
        if not value:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise bad_parameter(f"{name} is invalid") from None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment

    def record_id(self, name: str) -> int:
        """Read an id out of the path.

        Raises:
            ApiError: 400 when it is no number.
        """
        value = self.route[name]
        if not value.isdecimal():
            raise bad_parameter(f"{name} is invalid")
        return int(value)

    def url_with_id(self, number: int) -> str:
        """Give this request's URL with `:id` replaced by a number."""
        encoded = quote(self.route["id"], safe="")
        path = self.path
        for written in (encoded, encoded.replace("%2F", "%2f"), self.route["id"]):
            path = path.replace(f"/{written}", f"/{number}", 1)
        return f"{self.base_url}{path}" + (f"?{self.query}" if self.query else "")


Handler = Callable[[Call], Answer]
