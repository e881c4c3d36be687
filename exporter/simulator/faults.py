"""What can go wrong on purpose, and for which requests."""

import random
import re
import threading
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

FaultKind = Literal[
    "status",
    "timeout",
    "reset",
    "cut",
    "truncated_json",
    "wrong_json",
    "missing_fields",
    "null_fields",
    "wrong_types",
    "odd_values",
    "odd_body",
    "odd_headers",
    "repeated_rows",
    "reordered_rows",
    "other_page",
    "skewed_clock",
    "slow",
]
KINDS: Final[tuple[str, ...]] = get_args(FaultKind)


@dataclass
class Fault:
    """One way for requests to fail.

    Attributes:
        kind: `status` answers `status` at once; `timeout` answers only after `delay`; `reset`
            cuts the connection without an answer and `cut` in the middle of one; `truncated_json`
            sends a complete answer whose JSON is cut; `wrong_json` sends an object in place of a
            list and an HTML page in place of an object; `missing_fields` and `null_fields` drop
            or empty `fields` in every object, and `wrong_types` puts there what is of another
            type; `odd_values` puts other values in place of those in `swap`, wherever they are;
            `odd_body` sends `body` and `odd_headers` adds `headers`; `repeated_rows` gives every
            row of every list twice and `reordered_rows` the last one first; `other_page` answers
            page 2 in place of page 1, and of any later page the one before it; `skewed_clock` dates
            the answer `delay` seconds later; `slow` spreads the body over `delay`.
        match: Regular expression looked for in the path with its query, as sent.
        times: How many requests to hit, None for all.
        probability: Share of the matching requests that are hit.
        status: For `status`.
        retry_after: Seconds for `Retry-After`, for `status`.
        delay: Seconds, for `timeout` and `slow`, and for `skewed_clock`, where it may be negative.
        fields: Names, for `missing_fields`, `null_fields` and `wrong_types`.
        swap: Pairs of what an answer holds and what it shall hold, for `odd_values`.
        body: For `odd_body`, each character a byte.
        headers: For `odd_headers`; names in lower case.
        met: How many requests met it so far.
    """

    kind: FaultKind
    match: str = ".*"
    times: int | None = None
    probability: float = 1.0
    status: int = 500
    retry_after: int | None = None
    delay: float = 1.0
    fields: tuple[str, ...] = ()
    swap: tuple[tuple[Any, Any], ...] = ()
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    met: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fault {self.kind!r}, not one of {', '.join(KINDS)}")
        self.fields = tuple(self.fields)
        re.compile(self.match)


class FaultBook:
    """The faults in force, first come first hit; chance comes from a seed."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._random = random.Random(seed)

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Make everything work again."""
        with self._lock:
            self._faults.clear()

    def pick(self, path: str) -> Fault | None:
        """Choose the fault a request meets, and count it as met.

        Args:
            path: Path and query, as sent.
        """
        with self._lock:
            for fault in self._faults:
                if fault.times == 0 or not re.search(fault.match, path):
                    continue
                if self._random.random() >= fault.probability:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                fault.met += 1
                return fault
        return None
