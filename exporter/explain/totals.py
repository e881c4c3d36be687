"""From parts back to numbers: what a bucket holds, and the number that its parts make."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from exporter.dora.arithmetic import Timeline, deployment_frequency, lead_time_for_changes
from exporter.explain.facts import Mark, Part, Reason
from exporter.explain.parts import Question


@dataclass(slots=True)
class Totals:
    """How many parts of a bucket count, why the others do not, and what is marked.

    ``value`` is the number, ``deployments`` and ``merge_requests`` those different ones that count.
    ``marked`` counts marks of parts that count.
    """

    value: float | None
    counted: int = 0
    deployments: int = 0
    merge_requests: int = 0
    left_out: Counter[Reason] = field(default_factory=Counter)
    marked: Counter[Mark] = field(default_factory=Counter)


def totals_of(question: Question, parts: Sequence[Part]) -> list[Totals]:
    """Return the totals of each bucket.

    Args:
        question: what is asked.
        parts: all of its parts, in their order.
    """
    totals = [Totals(value) for value in _values(question, parts)]
    deployments: list[set[int]] = [set() for _ in totals]
    merge_requests: list[set[tuple[int, int]]] = [set() for _ in totals]
    for one in parts:
        bucket = totals[one.bucket]
        if one.reason is not None:
            bucket.left_out[one.reason] += 1
            continue
        bucket.counted += 1
        bucket.marked.update(one.marks)
        deployments[one.bucket].add(one.deployment.id)
        if one.merge_request is not None:
            project = one.deployment.environment.project_id
            merge_requests[one.bucket].add((project, one.merge_request.iid))
    for bucket, some, changes in zip(totals, deployments, merge_requests, strict=True):
        bucket.deployments, bucket.merge_requests = len(some), len(changes)
    return totals


def _values(question: Question, parts: Sequence[Part]) -> Sequence[float | None]:
    covered = question.covered_since
    if covered is None:
        return [None] * len(question.buckets)
    timeline = _timeline([one for one in parts if one.reason is None])
    if not question.lead_times:
        return deployment_frequency(timeline, question.buckets, covered)
    return lead_time_for_changes(timeline, question.buckets, covered, question.rules)


def _timeline(counting: Sequence[Part]) -> Timeline:
    """Return parts that count, ordered by finish, as the arithmetic takes them."""
    finished = np.array([one.deployment.finished_at for one in counting], np.int64)
    return Timeline(
        finished=finished,
        deployed_at=finished,
        environments=np.array([one.deployment.environment.id for one in counting], np.int64),
        seconds=np.array([one.lead_time or 0.0 for one in counting], np.float64),
    )
