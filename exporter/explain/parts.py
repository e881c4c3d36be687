"""From deployments to parts: each deployment and merge request counts, or has a reason.

The rules are those of :mod:`exporter.dora.arithmetic`, one fact at a time.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporter.dora.arithmetic import LeadTimeRules
from exporter.dora.calendar import Bucket
from exporter.dora.facts import MergeRequest
from exporter.explain.facts import Mark, Part, Reason, TracedDeployment
from exporter.instant import MICROSECONDS, Instant


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about.

    ``lead_times`` tells which of the two metrics. ``buckets`` follow each other without a gap.
    ``covered_since`` is where the history of the project or group begins, None where it is unknown,
    ``known_to`` where that of each project ends, None before its first complete poll.
    """

    lead_times: bool
    tiers: Collection[str]
    buckets: Sequence[Bucket]
    covered_since: Instant | None
    known_to: Mapping[int, Instant | None]
    rules: LeadTimeRules


def parts_of(question: Question, deployments: Iterable[TracedDeployment]) -> list[Part]:
    """Return what is behind the number of each bucket, and what is not though it is near.

    That is all deployments in the tiers that are asked for, and those that an override took from
    them; for lead times their merge requests, and those deployments that have none.

    Args:
        question: what is asked.
        deployments: in any order, each once; those out of the range are passed over.

    Returns:
        The parts by finish, deployment and merge request.
    """
    begins = [one.begins for one in question.buckets]
    end = question.buckets[-1].ends
    found: list[Part] = []
    for one in sorted(deployments, key=lambda one: (one.finished_at, one.id)):
        asked = one.tier in question.tiers or one.given_tier in question.tiers
        if asked and begins[0] <= one.finished_at < end:
            bucket = bisect_right(begins, one.finished_at) - 1
            found.extend(_parts(question, one, bucket))
    return found


def _parts(question: Question, one: TracedDeployment, bucket: int) -> Iterator[Part]:
    reason = _reason(question, one, bucket)
    marks = tuple(_marks(one))
    if not question.lead_times:
        yield Part(bucket, one, None, None, reason, marks)
        return
    if reason is None and one.first and not question.rules.include_first:
        reason = Reason.FIRST_DEPLOYMENT
    if not one.merge_requests:
        none = Reason.NO_MERGE_REQUEST if one.links_final else Reason.LINKS_NOT_READ
        yield Part(bucket, one, None, None, reason or none, marks)
        return
    if not one.links_final:
        marks = (*marks, Mark.LINKS_NOT_FINAL)
    for change in sorted(one.merge_requests, key=lambda change: change.iid):
        why = reason or _reason_of_change(question.rules, change)
        waited = None if change.merged_at is None else one.finished_at - change.merged_at
        negative = waited is not None and waited < 0
        yield Part(
            bucket,
            one,
            change,
            None if waited is None else max(waited, 0) / MICROSECONDS,
            why,
            (*marks, Mark.NEGATIVE_LEAD_TIME) if negative else marks,
        )


def _reason(question: Question, one: TracedDeployment, bucket: int) -> Reason | None:
    """Return why a deployment does not count."""
    known_to = question.known_to.get(one.environment.project_id)
    if known_to is None or one.finished_at > known_to:
        return Reason.AFTER_LAST_POLL
    covered = question.covered_since
    if covered is None or question.buckets[bucket].begins < covered:
        return Reason.BEFORE_HISTORY
    return None if one.tier in question.tiers else Reason.TIER_OVERRIDDEN


def _reason_of_change(rules: LeadTimeRules, change: MergeRequest) -> Reason | None:
    """Return why a merge request of a deployment that counts does not."""
    if change.merged_at is None:
        return Reason.NO_MERGE_TIME
    if rules.counts(change.target_branch, change.author):
        return None
    wanted = rules.target_branches
    return Reason.TARGET_BRANCH if wanted and change.target_branch not in wanted else Reason.AUTHOR


def _marks(one: TracedDeployment) -> Iterator[Mark]:
    if one.finish_source != "deployment":
        yield Mark.FINISH_ESTIMATED
    if one.tier != one.given_tier:
        yield Mark.TIER_OVERRIDDEN
