"""Deployments and merge requests with all that is known of them, and the parts of a number."""

from dataclasses import dataclass
from enum import StrEnum

from exporter.dora.facts import Environment, MergeRequest
from exporter.instant import Instant


class Reason(StrEnum):
    """Why something does not count. Of several reasons the first in this order is told."""

    AFTER_LAST_POLL = "after_last_poll"
    """It finished after the last complete poll of its project began: half of it may be known."""

    BEFORE_HISTORY = "before_history"
    """Its bucket begins before the stored history, so there is no number."""

    TIER_OVERRIDDEN = "tier_overridden"
    """GitLab has its environment in a tier that is asked for, an override in another."""

    FIRST_DEPLOYMENT = "first_deployment"
    """It came with its environment's first deployment, which links all that was ever merged."""

    LINKS_NOT_READ = "links_not_read"
    """Its deployment has no merge request yet: they are read when GitLab has linked them."""

    NO_MERGE_REQUEST = "no_merge_request"
    """GitLab linked no merge request to the deployment, and none was found elsewhere."""

    NO_MERGE_TIME = "no_merge_time"
    """GitLab tells no time of its merge."""

    TARGET_BRANCH = "target_branch"
    """It was merged into a branch that is not among the configured ones."""

    AUTHOR = "author"
    """Its author is not among those who are asked for, by default all but excluded ones."""


class Mark(StrEnum):
    """What should be known of something that counts."""

    FINISH_ESTIMATED = "finish_estimated"
    """The deployment's finish is not GitLab's own, but the best that was told instead."""

    NEGATIVE_LEAD_TIME = "negative_lead_time"
    """It was deployed before it was merged, and counts as 0."""

    TIER_OVERRIDDEN = "tier_overridden"
    """An override put its environment into the tier that is asked for."""

    LINKS_NOT_FINAL = "links_not_final"
    """The merge requests of its deployment are to be read again: there may be more."""


@dataclass(frozen=True, slots=True)
class TracedDeployment:
    """A successful deployment, where it went, and how its facts were had.

    ``tier`` is what its environment counts for, ``given_tier`` what it would count for without any
    override. ``finish_source`` is ``deployment`` where ``finished_at`` is exact. ``links_final``
    says that its merge requests were read for good.
    """

    id: int
    iid: int
    environment: Environment
    tier: str
    given_tier: str
    ref: str
    sha: str
    finished_at: Instant
    finish_source: str
    first: bool
    links_final: bool
    merge_requests: tuple[MergeRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One deployment, or one merge request of it, in a bucket.

    ``bucket`` is a position among the buckets, ``lead_time`` seconds and None where there is none.
    It counts where there is no ``reason``.
    """

    bucket: int
    deployment: TracedDeployment
    merge_request: MergeRequest | None
    lead_time: float | None
    reason: Reason | None
    marks: tuple[Mark, ...]
