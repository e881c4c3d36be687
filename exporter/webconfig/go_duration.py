"""Durations as Go writes them, such as ``1.5s``, which the exporter-toolkit's format has."""

import re
from fractions import Fraction

_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")

_MILLISECONDS = {
    "ns": Fraction(1, 10**6),
    "us": Fraction(1, 1000),
    "\u00b5s": Fraction(1, 1000),
    "\u03bcs": Fraction(1, 1000),
    "ms": Fraction(1),
    "s": Fraction(1000),
    "m": Fraction(60_000),
    "h": Fraction(3_600_000),
}


def in_prometheus_notation(value: object) -> object:
    """Return a duration of Go in Prometheus' notation, and anything else as it is.

    Prometheus' is whole milliseconds; less than one is taken for one, lest it become none.
    """
    if not isinstance(value, str) or not re.fullmatch(rf"(?:{_PART.pattern})+", value):
        return value
    length = sum(Fraction(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(value))
    return f"{max(round(length), 1 if length else 0)}ms"
