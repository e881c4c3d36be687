"""The kinds of values settings have, each refused in its own words."""

import re
import warnings
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from exporter.config.duration import Duration
from exporter.config.suggestion import did_you_mean

_TRUE = {"true", "yes", "on"}
_FALSE = {"false", "no", "off"}
_ID = re.compile(r"[1-9][0-9]{0,17}")
_PATH = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.][A-Za-z0-9_.-]*)*")
_STORES = "sqlite:///path/to/dora.db or postgresql+psycopg://user:password@host/database"


def refusal(text: str) -> PydanticCustomError:
    """The error a validator raises; the text reaches the user as it is."""
    return PydanticCustomError("setting", "{text}", {"text": text})


def shown(value: object) -> str:
    """A value as messages show it: short, and never what a container holds."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return repr(value) if len(value) <= 80 else f"{value[:80]!r}..."
    return {dict: "a mapping", list: "a list", type(None): "nothing"}.get(type(value), "this")


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else None
    if word not in _TRUE | _FALSE:
        raise refusal(f"{shown(value)} is not a boolean; write true or false")
    return word in _TRUE


def _number(value: object) -> float:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refusal(f"{shown(value)} is not a number; write one above 0, for example 10")
    if not 0 < value < float("inf"):
        raise refusal(f"{shown(value)} is not above 0; write for example 10")
    return float(value)


def _share(value: object) -> float:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise refusal(f"{shown(value)} is not a share; write 0 or more and below 1, such as 0.1")
    return float(value)


def _percentile(value: object) -> int:
    if isinstance(value, str) and _ID.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 100:
        raise refusal(f"{shown(value)} is not a percentile; write whole numbers from 1 to 99")
    return value


def _count(value: object) -> int:
    if isinstance(value, str) and _ID.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise refusal(f"{shown(value)} is not a whole number; write 1 or more, for example 8")
    if value < 1:
        raise refusal(f"{shown(value)} is below 1; write 1 or more, for example 8")
    return value


def _positive(value: Duration) -> Duration:
    if not value.timedelta:
        raise refusal(f"{value.text!r} is zero; write a duration above zero, for example 5m")
    return value


def _regex(value: object) -> re.Pattern[str]:
    if isinstance(value, re.Pattern):
        return value
    if not isinstance(value, str):
        raise refusal(f"{shown(value)} is not a regular expression; write it as quoted text")
    if not value:
        raise refusal("an empty regular expression matches everything; write one or remove it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        text = f"{shown(value)} is not a regular expression: {error}; write for example '^group/'"
        raise refusal(text) from None


def _reference(value: object, *, example: str, slash: bool) -> int | str:
    allowed = f"write a numeric id such as 42 or a full path such as {example}"
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str):
        path = value.strip("/")
        if _ID.fullmatch(path):
            return int(path)
        if _PATH.fullmatch(path) and ("/" in path or not slash):
            return path
    raise refusal(f"{shown(value)} is neither an id nor a full path; {allowed}")


def _project(value: object) -> int | str:
    return _reference(value, example="group/app", slash=True)


def _group(value: object) -> int | str:
    return _reference(value, example="group/subgroup", slash=False)


def _url(value: object) -> str:
    allowed = "write http:// or https:// and the host, for example https://gitlab.example.com"
    if not isinstance(value, str):
        raise refusal(f"{shown(value)} is not a URL; {allowed}")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise refusal(f"not a URL; {allowed}") from None
    if "@" in parts.netloc:
        raise refusal("a URL with a user or password is not allowed; give the token by itself")
    if any(not char.isprintable() or char.isspace() for char in value):
        raise refusal(f"a URL holds no spaces or control characters; {allowed}")
    if parts.scheme not in {"http", "https"} or not host:
        raise refusal(f"{shown(value)} is not an http(s) URL; {allowed}")
    if "?" in value or "#" in value:
        raise refusal(f"a query (?) or fragment (#) is not allowed; {allowed}")
    if re.search(r"/api(/v[0-9]+|/graphql)?/*$", parts.path):
        raise refusal(f"{shown(value)} names the API; leave {parts.path!r} out")
    return value.rstrip("/")


def _store_url(value: object) -> str:
    # The value may hold a password: none of these messages shows it.
    if not isinstance(value, str):
        raise refusal(f"{shown(value)} is not a store URL; write {_STORES}")
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise refusal(f"not a store URL; write {_STORES}") from None
    if url.drivername == "postgresql+psycopg":
        return value
    if url.drivername != "sqlite":
        raise refusal(f"the store {url.drivername!r} is not supported; write {_STORES}")
    if url.host or url.username:
        raise refusal("a SQLite path follows three slashes; write for example sqlite:///dora.db")
    path = url.database or ""
    if not path or ":memory:" in path or url.query.get("mode") == "memory":
        raise refusal("a SQLite store in memory is lost at every restart; write sqlite:///dora.db")
    return value


def _timezone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    allowed = "write a name of the tz database, for example UTC or Europe/Berlin"
    if not isinstance(value, str) or not value:
        raise refusal(f"{shown(value)} is not a timezone; {allowed}")
    try:
        return ZoneInfo(value)
    except (OSError, ValueError, KeyError):
        hint = did_you_mean(value, available_timezones())
        raise refusal(f"{shown(value)} is not a timezone; {allowed}{hint}") from None


def _file(value: object) -> Path:
    if isinstance(value, str | Path) and str(value) and "\0" not in str(value):
        path = Path(value)
        try:
            if path.is_file():
                return path
            there = path.exists()
        except (OSError, ValueError) as error:  # such as a name that is too long
            reason = getattr(error, "strerror", None) or "no path"
            raise refusal(
                f"{shown(str(value))} is not a file: {reason}; write the path of a file"
            ) from None
        if not there:
            raise refusal(f"{shown(str(value))} does not exist; write the path of a file")
    raise refusal(f"{shown(value)} is not a file; write the path of a file")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise refusal(f"{shown(value)} is not text; put quotes around it")
    if not value.strip():
        raise refusal("empty text is not allowed; write a name or remove it")
    return value


Boolean = Annotated[bool, BeforeValidator(_boolean)]
Rate = Annotated[float, BeforeValidator(_number)]
Share = Annotated[float, BeforeValidator(_share)]
Percentile = Annotated[int, BeforeValidator(_percentile)]
Count = Annotated[int, BeforeValidator(_count)]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
Regex = Annotated[re.Pattern[str], PlainValidator(_regex)]
ProjectReference = Annotated[int | str, PlainValidator(_project)]
GroupReference = Annotated[int | str, PlainValidator(_group)]
HttpUrl = Annotated[str, PlainValidator(_url)]
StoreUrl = Annotated[str, PlainValidator(_store_url), Field(repr=False)]
Timezone = Annotated[ZoneInfo, PlainValidator(_timezone)]
ExistingFile = Annotated[Path, PlainValidator(_file)]
Text = Annotated[str, PlainValidator(_text)]
Tier = Literal["production", "staging", "testing", "development", "other"]
