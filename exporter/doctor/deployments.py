"""Checks of deployments: whether there are any that count, and merge requests behind them."""

from exporter.config import Settings
from exporter.doctor.finding import Finding
from exporter.doctor.kinds import Kind
from exporter.doctor.seen import Seen
from exporter.instant import Instant, iso, microseconds

_FEW = 3
"""Fewer deployments without a merge request prove nothing: a re-deploy has none either."""


def check_deployments(seen: Seen, settings: Settings, now: Instant) -> list[Finding]:
    """Look at what a project deployed."""
    path = seen.facts.path
    if not seen.environments:
        return []
    if not seen.successes:
        if not seen.unsuccessful:
            what = "it was never deployed"
            return [Finding.of(Kind.NO_DEPLOYMENTS, path, what, mild=not seen.listed)]
        statuses = ", ".join(f"{number} {status}" for status, number in seen.unsuccessful.items())
        what = f"no deployment ever succeeded; the last are {statuses}"
        return [Finding.of(Kind.ONLY_UNSUCCESSFUL, path, what)]
    found = []
    newest = max(one.finish()[0] for one in seen.successes)
    history = settings.poll.history
    if newest < now - microseconds(history.timedelta):
        what = f"its last success was on {iso(newest)[:10]}, before poll.history ({history})"
        found.append(Finding.of(Kind.LONG_AGO, path, what))
    return found + _check_links(seen, settings, now)


def _check_links(seen: Seen, settings: Settings, now: Instant) -> list[Finding]:
    path = seen.facts.path
    looked_at = [one for one in seen.sample(now) if one.id in seen.linked]
    linked = [merged for one in looked_at for merged in seen.linked[one.id]]
    if not linked:
        if len(looked_at) < _FEW:
            return []
        what, remedy = _why_unlinked(seen, now)
        what = f"none of its last {len(looked_at)} deployments has merge requests: {what}"
        return [Finding.of(Kind.NO_MERGE_REQUESTS, path, what, remedy=remedy)]
    rules = settings.lead_time
    branches, authors = set(rules.target_branches), set(rules.exclude_authors)
    into = sorted({one.target_branch for one in linked})
    if branches and not branches.intersection(into):
        what = f"its deployed merge requests go into {', '.join(into[:5])}, none of the chosen"
        return [Finding.of(Kind.BRANCHES_MATCH_NOTHING, path, what)]
    if all(one.author in authors for one in linked):
        by = ", ".join(sorted({one.author for one in linked})[:5])
        what = f"lead_time.exclude_authors leaves out all authors of what it deploys: {by}"
        return [Finding.of(Kind.AUTHORS_EXCLUDED, path, what)]
    return []


def _why_unlinked(seen: Seen, now: Instant) -> tuple[str, str]:
    """Return the likeliest reason, and what to do about it, empty for the usual."""
    sample = seen.sample(now)
    if not seen.facts.merges:
        return "merge requests are switched off", "switch them on in the project's settings"
    if seen.has_merged is False:
        return "nothing is merged by merge requests, commits go straight to the branch", ""
    if seen.facts.merge_method == "ff":
        return (
            "it merges fast-forward, which older GitLabs do not link",
            "upgrade GitLab, or choose another merge method in the project's settings",
        )
    if all(one.deployable is None for one in sample):
        return (
            "they were recorded through the API, perhaps with commits that hold no merge",
            "send the `sha` that was deployed, and the branch as `ref`",
        )
    if all("/" in one.environment.name for one in sample):
        return (
            "their environments are in a folder, where older GitLabs link none",
            "name the environment without a slash, or upgrade GitLab",
        )
    return "GitLab linked none", ""
