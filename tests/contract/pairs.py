"""The table of requests and answers in ``pairs.yaml``."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from tests.contract.world import TOKENS

TABLE = Path(__file__).with_name("pairs.yaml")


class Pair(BaseModel):
    """One request and its answer; the fields are explained at the head of the table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    source: str = Field(min_length=1)
    request: str
    caller: str = "reporter"
    send: dict[str, str] = {}
    settings: dict[str, dict[str, Any] | str] = {}
    at: date | None = None
    status: int
    body: str | None = None
    buckets: dict[date | str, Any] | None = None
    headers: dict[str, str | None] = {}

    @property
    def method(self) -> str:
        """The method of the request."""
        return self.request.partition(" ")[0]

    @property
    def target(self) -> str:
        """Path and query of the request."""
        return _with_tokens(self.request.partition(" ")[2])

    @property
    def sent(self) -> Mapping[str, str]:
        """The headers of the request."""
        token = {} if self.caller == "none" else {"PRIVATE-TOKEN": TOKENS[self.caller]}
        return token | {name: _with_tokens(value) for name, value in self.send.items()}

    @property
    def expected(self) -> str | None:
        """The body in the shortest way to write it, None where it is not compared."""
        if self.buckets is not None:
            return written(_days(self.buckets))
        return written(json.loads(self.body)) if self.body else self.body


def read_pairs() -> list[Pair]:
    """Return all pairs."""
    return [Pair.model_validate(one) for one in yaml.safe_load(TABLE.read_text())]


def written(value: Any) -> str:
    """Return JSON in the shortest way to write it; 3 and 3.0 stay different."""
    return json.dumps(value, separators=(",", ":"))


def _days(buckets: Mapping[date | str, Any]) -> list[dict[str, Any]]:
    first, last = buckets["from"], buckets["to"]
    days = [first + timedelta(days=one) for one in range((last - first).days + 1)]
    assert {"from", "to", "else", *days} >= set(buckets)
    return [{day.isoformat(): buckets.get(day, buckets["else"])} for day in days]


def _with_tokens(text: str) -> str:
    for name, token in TOKENS.items():
        text = text.replace(f"<{name}>", token)
    return text
