"""The estimate in words, and as JSON."""

import json
from dataclasses import asdict
from datetime import timedelta

from exporter.estimate.estimate import Estimate
from exporter.estimate.memory import MEGABYTE
from exporter.poller.gaps import ASKED_A_POLL


def as_json(one: Estimate) -> str:
    """Return a JSON object with the fields of :class:`Estimate`; memory is in bytes."""
    return json.dumps(
        {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in asdict(one).items()
        },
        indent=2,
    )


def as_text(one: Estimate) -> str:
    """Return lines for people."""
    sample = "all" if one.looked_at >= one.projects else f"{one.looked_at:,}"
    pace = one.deployments_per_hour
    now, later = one.memory / MEGABYTE, one.memory_in_the_end / MEGABYTE
    off = f", give or take {one.first_poll_deviation:.0%}" if one.first_poll_deviation else ""
    poll = f"{one.first_poll_requests:,} requests{off}, {_duration(one.first_poll_seconds)}"
    hour = f"{one.requests_per_hour:,.0f} requests an hour on average"
    stored, kept = f"{one.deployments:,} stored deployments", f"{one.deployments_in_the_end:,}"
    lines = [
        f"in scope    {one.projects:,} projects and {one.groups:,} groups",
        f"known from  {one.requests_made} requests, which looked at {sample} of the projects",
        f"first poll  {poll} at {one.per_second:.3g} a second ({one.limited_by})",
        f"afterwards  {hour}, with {pace:,.{0 if pace >= 10 else 1}f} deployments",
        f"series      {one.series:,} of projects and groups",
        f"memory      {now:,.0f} MB with {stored}, {later:,.0f} MB with {kept} in the end",
    ]
    if not one.graphql:
        lines.append(
            "note: this GitLab's GraphQL does not tell of many projects and deployments at once,"
            " so each is asked for by itself"
        )
    if one.comparisons:
        lines.append(
            f"note: lead_time.missing_links: compare asks for {one.comparisons:,} comparisons of"
            f" commits besides, {ASKED_A_POLL} a poll"
        )
    if one.series > one.max_series:
        lines.append(
            f"warning: that is more than metrics.max_series ({one.max_series:,}), so no metric of"
            " projects and groups would be exposed; leave out some of metrics.levels,"
            " metrics.tiers, metrics.percentiles or windows, or raise it"
        )
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{max(1, seconds):.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{timedelta(seconds=seconds) / timedelta(hours=1):.1f} h"
