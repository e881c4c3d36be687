"""Where an answer is not what it must be."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from tests.oracle.brute_force import Sample
from tests.oracle.polled import PolledExporter
from tests.oracle.question import Payload, Question, Series

RELATIVE = 1e-9
"""Counts are exact in any arithmetic and must be equal. A percentile between two values is a
rounded product: the exporter and PostgreSQL round at every step, the exact fractions once at the
end, so they may part in the last of 16 digits. No wrong rule changes as little as this."""


class Oracle(Protocol):
    """Something that knows the right numbers."""

    def answer(self, question: Question) -> Series:
        """Return the numbers that answer a question."""
        ...

    def gauges(self) -> dict[Sample, float]:
        """Return every sample of the families of projects and groups."""
        ...


def differences(
    exporter: PolledExporter, oracle: Oracle, questions: Iterable[Question], payload: Payload
) -> list[str]:
    """Return a line for every answer and every sample that is not as the oracle says."""
    found = list(sample_differences(oracle.gauges(), exporter.gauges()))
    if exporter.gauges() != exporter.gauges(as_openmetrics=True):
        found.append("/metrics: OpenMetrics tells something else than the text format")
    for question in questions:
        expected = question.document(oracle.answer(question), payload)
        status, actual = exporter.get(question.url())
        if status != 200 or not same(expected, actual):
            found.append(f"{question.url()}: expected {expected}, got {status} {actual}")
    return found


def sample_differences(expected: dict[Sample, float], actual: dict[Sample, float]) -> Iterator[str]:
    """Give a line for every sample that is missing, too many or of another value."""
    for key in expected.keys() | actual.keys():
        if not same(expected.get(key), actual.get(key)):
            name, labels = key
            shown = ",".join(f'{label}="{value}"' for label, value in sorted(labels))
            yield f"{name}{{{shown}}}: expected {expected.get(key)}, got {actual.get(key)}"


def same(expected: Any, actual: Any) -> bool:
    """Whether two JSON documents are equal, numbers with a fraction within `RELATIVE`."""
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(expected) == len(actual)
            and all(map(same, expected, actual))
        )
    if isinstance(expected, dict):
        return (
            isinstance(actual, dict)
            and list(expected) == list(actual)
            and all(same(expected[key], actual[key]) for key in expected)
        )
    if expected is None or actual is None or isinstance(expected, str):
        return type(expected) is type(actual) and bool(expected == actual)
    if isinstance(actual, bool) or not isinstance(actual, int | float):
        return False
    if float(expected).is_integer() and float(actual).is_integer():
        return bool(expected == actual)
    return math.isclose(expected, actual, rel_tol=RELATIVE, abs_tol=0)
