"""Requests nobody would send: made at random from what each part of the exporter reads."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, quote_from_bytes, urlencode

Header = tuple[bytes, bytes]


@dataclass(frozen=True)
class RawRequest:
    """A request as bytes.

    Attributes:
        callers: Whose tokens it carries.
        unframed: Whether the connection cannot be used any more behind it.
    """

    method: bytes
    target: bytes
    headers: tuple[Header, ...]
    callers: frozenset[str] = frozenset()
    unframed: bool = False

    def content(self, host: bytes) -> bytes:
        """Return what is sent."""
        headers = self.headers
        if not any(name.lower() == b"host" for name, _ in headers):
            headers = ((b"Host", host), *headers)
        lines = [self.method + b" " + self.target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in headers]
        return b"\r\n".join(lines) + b"\r\n\r\n"


_PARTS = ("method", "target", "query", "credentials", "headers")

METHODS = (b"GET",) * 30 + (
    b"HEAD", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT",
    b"get", b"FOO", b"M-SEARCH", b"G\x80T", b"GET\t", b"\0", b"PRI", b"A" * 500,
)  # fmt: skip

PAGES = (
    "/", "/metrics", "/-/healthy", "/-/ready", "/openapi.json", "/metrics/", "//metrics",
    "/-/ready/", "/openapi.json/", "/favicon.ico", "/.git/config", "/api/v4", "/api/v4/projects",
    "/api/v4/projects/1", "/api/v4/user", "/webhook", "/-/sim/requests", "*", "", "/..",
    "/%2e%2e/metrics", "http://localhost/metrics", "http://[::1/metrics",
    "//evil.example/metrics/", "/\\evil/",
)  # fmt: skip

ENDINGS = ("",) * 12 + (
    "/",
    ".json",
    ".xml",
    "//",
    ";x",
    "%2f",
    "%00",
    "#top",
    "/..",
    "/metrics",
    " ",
)

IDS = (
    "0", "-1", "1", "2", "3", "4", "5", "1.0", "1e1", "0x1", "01", "+1", "\uff11", "\u0663", "1 ",
    " 1", "1\0", str(2**31), str(2**63), str(10**40), "9" * 5000, "NaN", "Infinity", "None",
    "true", "[1]",
)  # fmt: skip

DATES = (
    "2026-01-01", "2026-11-20", "2026-11-23", "2026-11-24", "2027-01-01", "2021-02-30",
    "2020-02-29", "2021-02-29", "0000-00-00", "0001-01-01", "1000-01-01", "9999-12-31",
    "9000-12-31", "10000-01-01", "-0001-01-01", "2026-W01-1", "2026-W53-7", "2026-001", "20260101",
    "2026-01-01T00:00:00Z", "2026-01-01T24:00:00", "9999-12-31T24:00:00", "0001-01-01T00:00+23:59",
    "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00+99:99", "2026-01-01 00:00:00.1234567",
    "\uff12\uff10\uff12\uff16-01-01", "2026-1-1", "01/01/2026", "now", "today", "", " ", "1e9",
    "NaN", "0", "-1",
    "2026-01-01\0", "2026-01-01'--", "2026-01-01" * 100,
    "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0661", "2026\u201101\u201101",
)  # fmt: skip

WORDS: Mapping[str, Sequence[str]] = {
    "metric": (
        "deployment_frequency", "lead_time_for_changes", "time_to_restore_service",
        "change_failure_rate", "Deployment_Frequency", "deployment_frequency ", "", "null", "[]",
    ),
    "start_date": DATES,
    "end_date": DATES,
    "interval": ("all", "monthly", "daily", "ALL", "weekly", "", "0", "all\0", "daily,all"),
    "environment_tier": ("production", "staging", "other", "Production", "", "prod", "*", "%"),
    "environment_tiers[]": ("production", "staging", "testing", "development", "other", "", "x"),
    "payload": ("key_value", "date_value", "both", ""),
    "page": ("1", "2", "0", "-1", "9" * 5000, "1e3", "\u0663", ""),
    "per_page": ("1", "100", "101", "0", "-1", "9" * 20, "all", ""),
    "project": IDS,
    "group": IDS,
    "name[]": ("gitlab_dora_exporter_up", "no_such", "", "*", "a" * 3000),
    "private_token": ("", " ", "nobody", "a" * 5000, "\0", "é", "\r\nX: y", "%00"),
}  # fmt: skip

MISSHAPEN = (
    "metric[]", "metric[a]", "metric[", "start_date[]", "end_date[x][y]", "interval[]", "", "[]",
    "environment_tier[]", "environment_tiers", "environment_tiers[0]", "project[]", "group[id]",
    "METRIC", "metric ", "callback", "__proto__", "sudo", "page[]", "per_page[]", "format",
    "_method",
)  # fmt: skip

ODD_TEXTS = (
    "", " ", "\0", "\n", "\r\n", "\t", "%", "%%", "%zz", "%u0041", "'", '"', "<script>",
    "../../etc", "${7*7}", "{{7*7}}", "\u202e", "\ufeff", "\U0001f600", "e\u0301" * 50, "İ", "ß",
    "\ufb01", "\ud7ff",
    "null", "-0", "1" * 5000, "a" * 20_000, ";", "&", "=", "?", "#", "\x7f", "\x85", "\u2028",
)  # fmt: skip

ODD_HEADERS: Mapping[bytes, Sequence[bytes]] = {
    b"Accept": (
        b"*/*", b"", b",", b"text/plain;version=0.0.4;q=x", b"application/openmetrics-text;q=",
        b"application/openmetrics-text; version=9.9.9; escaping=nonsense", b";" * 1000,
        b"text/plain; version=1.0.0; escaping=allow-utf-8", b"\xff\xfe", b"a/b," * 2000,
    ),
    b"Accept-Encoding": (
        b"gzip", b"GZIP", b"gzip;q=0", b"identity", b"br, gzip", b"", b"\xff", b"*",
    ),
    b"If-None-Match": (b"*", b"", b'W/"', b'"' * 1000, b"W/" * 500, b'"a", W/"b"', b"\xff\xfe"),
    b"If-Modified-Since": (b"never", b"Mon, 23 Nov 2026 00:00:00 GMT"),
    b"Host": (b"", b"[", b"a b", b"\xff", b"localhost:99999", b"[::1]:x", b"/", b"@", b"a" * 3000),
    b"Range": (b"bytes=0-0", b"bytes=-1", b"lines=1-2"),
    b"X-Forwarded-For": (b"127.0.0.1", b"\xff", b"a," * 500),
    b"X-Forwarded-Proto": (b"https", b"gopher", b""),
    b"X-Original-URL": (b"/metrics",),
    b"X-HTTP-Method-Override": (b"DELETE",),
    b"Origin": (b"null", b"https://evil.example", b"\xff"),
    b"Access-Control-Request-Method": (b"GET",),
    b"Cookie": (b"a=b", b";" * 1000, b"\xff=\xff", b"private_token=x"),
    b"Content-Type": (b"application/json", b"multipart/form-data", b"\xff"),
    b"User-Agent": (b"", b"\xff" * 100, b"a" * 8000),
    b"X-\xff": (b"1",),
    b"X Y": (b"1",),
    b"": (b"1",),
    b"X-Long": (b"a" * 30_000, b"a" * 70_000),
    b"X-Control": (b"\x01", b"\x7f", b"\0"),
}  # fmt: skip

UNFRAMED: Mapping[bytes, Sequence[bytes]] = {
    b"Content-Length": (b"0", b"-1", b"x", b"5", b"99999999999999999999", b"1, 2"),
    b"Transfer-Encoding": (b"chunked", b"gzip", b"chunked, chunked", b"\xff"),
    b"Connection": (b"close", b"upgrade", b"\xff", b"keep-alive, close"),
    b"Upgrade": (b"websocket", b"h2c"),
    b"Expect": (b"100-continue", b"nonsense"),
    b"X-Split": (b"a\nX-Other: b", b"a\rb", b"a\r\n folded"),
}  # fmt: skip


class RandomRequests:
    """Makes requests; the same seed makes the same ones.

    Args:
        seed: Of the randomness.
        paths: Full paths of projects and groups there are.
        tokens: Tokens by the name of their owner.
    """

    def __init__(self, seed: int, *, paths: Sequence[str], tokens: Mapping[str, str]) -> None:
        self._random = random.Random(seed)
        self._paths = paths
        self._tokens = tokens

    def next(self) -> RawRequest:
        """Make one: as it should be in all but a part or two, or odd all over."""
        rng = self._random
        odd = set(_PARTS) if rng.random() < 0.3 else set(rng.choices(_PARTS, k=rng.randrange(3)))
        target = self._target() if "target" in odd else self._plain_target()
        query, askers = self._query() if "query" in odd else (self._plain_query(), [])
        if query and rng.random() < 0.95:
            target += b"?" + query
        headers, asker = self._credentials() if "credentials" in odd else self._plain_credentials()
        callers = frozenset(filter(None, (*askers, asker)))
        for _ in range(rng.choice([1, 1, 2, 5]) if "headers" in odd else 0):
            name = rng.choice(list(ODD_HEADERS))
            headers.append((name, rng.choice(ODD_HEADERS[name])))
        method = rng.choice(METHODS) if "method" in odd else b"GET"
        unframed = method in {b"CONNECT", b"PRI"}
        if "headers" in odd and rng.random() < 0.1:
            name = rng.choice(list(UNFRAMED))
            headers.append((name, rng.choice(UNFRAMED[name])))
            unframed = True
        return RawRequest(method, target, tuple(headers), callers, unframed)

    def _plain_target(self) -> bytes:
        rng = self._random
        prefix, kind = rng.choice(["", "/api/v4"]), rng.choice(["projects", "groups"])
        page = rng.choice(["metrics", "metrics", "explain"])
        return f"{prefix}/{kind}/{quote(rng.choice(self._paths), safe='')}/dora/{page}".encode()

    def _plain_query(self) -> bytes:
        rng = self._random
        values = {"metric": rng.choice(["deployment_frequency", "lead_time_for_changes"])}
        for name in rng.choices(["interval", "payload", "environment_tier"], k=rng.randrange(3)):
            values[name] = WORDS[name][0]
        return urlencode(values).encode()

    def _plain_credentials(self) -> tuple[list[Header], str | None]:
        caller, token = self._random.choice(list(self._tokens.items()))
        return [(b"PRIVATE-TOKEN", token.encode())], caller

    def _target(self) -> bytes:
        rng = self._random
        kind = rng.choices(["route", "page", "noise"], [85, 10, 5])[0]
        if kind == "page":
            return rng.choice(PAGES).encode()
        if kind == "noise":
            noise = rng.randbytes(rng.choice([1, 5, 50, 3000]))
            return b"/" + (
                noise.translate(None, b"\r\n ") if rng.random() < 0.5 else self._escaped(noise)
            )
        prefix = rng.choice(
            ["/api/v4", "", "/api/v4", "", "/api/v3", "//api/v4", "http://x/api/v4"]
        )
        if rng.random() < 0.15:
            return f"{rng.choice(['', '/api/v4'])}/dora/metrics{rng.choice(ENDINGS)}".encode()
        route = rng.choice(["projects", "groups", "projects", "groups", "Projects", "users", ""])
        tail = rng.choice(
            ["/dora/metrics"] * 12
            + ["/dora/explain"] * 4
            + ["/dora", "/dora/metrics/dora/metrics", "", "/DORA/METRICS"]
        )
        return b"".join(
            (
                f"{prefix}/{route}/".encode(),
                self._reference(),
                f"{tail}{rng.choice(ENDINGS)}".encode(),
            )
        )

    def _reference(self) -> bytes:
        rng = self._random
        text = rng.choice(self._paths) if rng.random() < 0.6 else rng.choice([*IDS, *ODD_TEXTS])
        text = rng.choice([text, text, text, text.upper(), text.title()])
        match rng.randrange(8):
            case 0:
                return text.encode()
            case 1:
                return quote(quote(text, safe="")).encode()
            case 2:
                return self._escaped(text.encode())
            case 3:
                return quote(text + rng.choice(ODD_TEXTS), safe="").encode()
            case 4:
                return quote(text, safe="").lower().encode()
            case _:
                return quote(text, safe="").encode()

    def _escaped(self, raw: bytes) -> bytes:
        """Escape every byte, even where it needs none or is no text."""
        mangled = raw if self._random.random() < 0.7 else raw + self._random.randbytes(3)
        return b"".join(b"%%%02x" % one for one in mangled)

    def _query(self) -> tuple[bytes, list[str]]:
        rng = self._random
        names = ["metric"] if rng.random() < 0.85 else []
        names += rng.choices(list(WORDS), k=rng.choice([0, 1, 2, 2, 3, 4, 8]))
        callers = []
        parts = []
        for name in names:
            value = self._value(name)
            if name == "private_token" and rng.random() < 0.5:
                caller, value = rng.choice(list(self._tokens.items()))
                callers.append(caller)
            parts.append(self._written(name) + b"=" + self._written(value))
        if rng.random() < 0.1:
            parts.append(self._written(rng.choice(MISSHAPEN)) + b"=" + self._written("1"))
        if rng.random() < 0.03:
            parts *= rng.choice([2, 200])
        if rng.random() < 0.03:
            parts.append(rng.randbytes(rng.choice([3, 40])).translate(None, b"\r\n "))
        if rng.random() < 0.01:
            parts.append(b"x=" + b"y" * rng.choice([8000, 60_000, 70_000]))
        return rng.choice([b"&"] * 20 + [b";", b"&&", b"&amp;"]).join(parts), callers

    def _value(self, name: str) -> str:
        rng = self._random
        if name == "metric" and rng.random() < 0.8:
            return rng.choice(["deployment_frequency", "lead_time_for_changes"])
        if name in {"project", "group"} and rng.random() < 0.7:
            return rng.choice(self._paths)
        return rng.choice(WORDS[name] if rng.random() < 0.85 else ODD_TEXTS)

    def _written(self, text: str) -> bytes:
        match self._random.randrange(20):
            case 0:
                return text.encode().translate(None, b"\r\n ")
            case 1:
                return self._escaped(text.encode())
            case 2:
                return quote_from_bytes(text.encode("utf-16"), safe="").encode()
            case _:
                return quote(text, safe="[]").encode()

    def _credentials(self) -> tuple[list[Header], str | None]:
        rng = self._random
        if rng.random() < 0.15:
            name, value = rng.choice(
                [
                    (b"PRIVATE-TOKEN", b""),
                    (b"PRIVATE-TOKEN", b"\xff\xfe"),
                    (b"PRIVATE-TOKEN", b"nobody"),
                    (b"PRIVATE-TOKEN", b"a" * 5000),
                    (b"Authorization", b"Bearer"),
                    (b"Authorization", b"Bearer nobody"),
                    (b"Authorization", b"Basic \xff"),
                    (b"Authorization", b"Bearer " * 500),
                    (b"authorization", b"\xff"),
                ]
            )
            return [(name, value)], None
        if rng.random() < 0.1:
            return [], None
        caller, token = rng.choice(list(self._tokens.items()))
        if rng.random() < 0.3:
            return [(b"Authorization", b"Bearer " + token.encode())], caller
        return [(rng.choice([b"PRIVATE-TOKEN", b"private-token"]), token.encode())], caller
